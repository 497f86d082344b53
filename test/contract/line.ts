import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** A line of loopback between a link and its broker, which a test can hold and cut. */
export interface Line {
  readonly port: number;
  /** Bytes that went towards the broker so far. */
  readonly sentBytes: number;
  /** Lets nothing more come back from the broker; what is sent to it still arrives. */
  hold(): void;
  release(): void;
  /** Destroys the connections that stand, as a process that vanishes does. The next ones are carried again. */
  cut(): void;
  close(): Promise<void>;
}

/** A line to the port that a broker has at the time of each connection. */
export async function makeLine(brokerPort: () => number): Promise<Line> {
  const pairs = new Set<readonly [near: Socket, far: Socket]>();
  let sentBytes = 0;
  let isHeld = false;
  const server = createServer((near) => {
    const far = connect(brokerPort(), "127.0.0.1");
    const pair = [near, far] as const;
    pairs.add(pair);
    const end = (): void => {
      pairs.delete(pair);
      for (const socket of pair) socket.destroy();
    };
    for (const socket of pair) socket.on("error", end).on("close", end);
    near.on("data", (chunk: Buffer) => {
      sentBytes += chunk.length;
      far.write(chunk);
    });
    far.on("data", (chunk: Buffer) => near.write(chunk));
    if (isHeld) far.pause();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const cut = (): void => {
    for (const pair of pairs) for (const socket of pair) socket.destroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    get sentBytes() {
      return sentBytes;
    },
    hold: () => {
      isHeld = true;
      for (const [, far] of pairs) far.pause();
    },
    release: () => {
      isHeld = false;
      for (const [, far] of pairs) far.resume();
    },
    cut,
    close: async () => {
      cut();
      server.close();
      await once(server, "close");
    },
  };
}
