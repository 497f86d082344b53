import type { IncomingMessage, LinkHandlers } from "../../mqtt/index.ts";

/** What happened on a link, in order. */
export type LinkEvent =
  | { readonly type: "up"; readonly protocolVersion: 4 | 5 }
  | { readonly type: "down"; readonly why: string; readonly retryInMs: number }
  | { readonly type: "message"; readonly topic: string; readonly text: string; readonly retained: boolean };

type EventOf<Type extends LinkEvent["type"]> = Extract<LinkEvent, { readonly type: Type }>;

/** Handlers that write down what happens, and let a test wait for it. */
export interface LinkDiary extends LinkHandlers {
  readonly events: readonly LinkEvent[];
  /** The texts of the messages so far, of all topics or of those that end so. */
  texts(topicEnd?: string): readonly string[];
  /** The next event of this kind that was not waited for yet. */
  next<Type extends LinkEvent["type"]>(type: Type): Promise<EventOf<Type>>;
}

/** An empty diary. `take` says when a message is taken; at once when absent. */
export function makeLinkDiary(take?: (message: IncomingMessage) => Promise<void>): LinkDiary {
  const events: LinkEvent[] = [];
  const seen = { up: 0, down: 0, message: 0 };
  const waiting = new Set<() => void>();
  const note = (event: LinkEvent): void => {
    events.push(event);
    for (const look of waiting) look();
  };
  return {
    events,
    texts: (topicEnd = "") =>
      events.flatMap((event) => (event.type === "message" && event.topic.endsWith(topicEnd) ? [event.text] : [])),
    next: (type) => {
      const index = seen[type];
      seen[type] += 1;
      return new Promise((resolve) => {
        const look = (): void => {
          const found = events.filter((event) => event.type === type)[index];
          if (found === undefined) return;
          waiting.delete(look);
          resolve(found as EventOf<typeof type>);
        };
        waiting.add(look);
        look();
      });
    },
    onUp: (details) => note({ type: "up", ...details }),
    onDown: (details) => note({ type: "down", ...details }),
    onMessage: (message) => {
      const { topic, payload, retained } = message;
      note({ type: "message", topic, text: Buffer.from(payload).toString(), retained });
      return take?.(message);
    },
  };
}
