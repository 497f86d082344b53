import { connect, type Socket } from "node:net";
import { HalError } from "../../errors.ts";
import { type Channel, makeChannel, makeFrameSplitter } from "../channel.ts";
import { HANDSHAKE_MS } from "../limits.ts";
import { answerKey, channelKey, type Frame, type Refusal, readOpenFrame, sealFrame } from "../protocol.ts";
import type { BandwidthTask } from "../transfer.ts";

/** A connection that the endpoint took. It is paused: `resume` it when somebody listens. */
export interface Line {
  readonly socket: Socket;
  readonly channel: Channel;
  /** The endpoint's reply to the answer. */
  readonly reply: Frame;
  /** Bytes that came right behind the reply. */
  readonly rest: Uint8Array;
}

const REFUSAL_WORDS: Readonly<Record<Refusal, string>> = {
  token: "the token is not the endpoint's",
  busy: "it is measuring somebody else; try again in a minute",
  address: "this address has too many connections there",
  often: "this address had its measurements for this hour",
  failures: "this address showed wrong tokens too often; try again in an hour",
  session: "it does not know this session (any more)",
};

/**
 * Connects, answers the endpoint's challenge and reads its reply. `onSocket` gets the socket at once, to end it early. Throws HalError
 * `endpoint-...`, naming the endpoint.
 */
export async function dial(
  task: Pick<BandwidthTask, "endpoint" | "token">,
  answer: Extract<Frame, { kind: "open" | "join" }>,
  onSocket: (socket: Socket) => void,
): Promise<Line> {
  const { host, port } = task.endpoint;
  const where = `${host} port ${port}`;
  const socket = connect({ host, port, noDelay: true });
  onSocket(socket);
  const splitter = makeFrameSplitter();
  let channel: Channel | undefined;
  return new Promise((resolve, reject) => {
    const fail = (code: HalError["code"], why: string): void => {
      settle();
      socket.destroy();
      reject(new HalError(code, `${where}: ${why}`));
    };
    const onError = (error: Error): void => fail("endpoint-unreachable", `no connection (${error.message})`);
    const onClose = (): void => fail("endpoint-unreachable", "it closed the connection before it replied");
    const silence = setTimeout(() => fail("endpoint-silent", `no answer within ${HANDSHAKE_MS / 1000} s`), HANDSHAKE_MS);
    const settle = (): void => {
      clearTimeout(silence);
      socket
        .off("error", onError)
        .off("close", onClose)
        .off("data", onData)
        .on("error", () => {});
    };
    const onFrame = (bytes: Uint8Array): void => {
      const open = readOpenFrame(bytes);
      if (open?.kind === "refused") return fail("endpoint-refused", `it refused: ${REFUSAL_WORDS[open.why]}`);
      if (channel === undefined) {
        if (open?.kind !== "hello") return fail("endpoint-malformed", "it is no bandwidth endpoint, or one of another version");
        const id = answer.kind === "open" ? answer.nonce : answer.session;
        channel = makeChannel(channelKey(task.token, open.challenge, id), "client");
        socket.write(sealFrame(answer, answerKey(task.token, open.challenge), "answer"));
        return;
      }
      const reply = channel.unseal(bytes);
      if (reply === "forged") return fail("endpoint-refused", "its reply shows that it does not know the token");
      if (reply === "malformed") return fail("endpoint-malformed", "it replied what is no frame");
      settle();
      socket.pause();
      resolve({ socket, channel, reply, rest: splitter.rest() });
    };
    const onData = (chunk: Buffer): void => {
      splitter.push(chunk);
      // After the reply, what follows need not be frames.
      for (let isOpen = true; isOpen; ) {
        const bytes = socket.isPaused() || socket.destroyed ? undefined : splitter.next();
        isOpen = bytes !== undefined;
        if (bytes !== undefined) onFrame(bytes);
      }
    };
    socket.on("error", onError).on("close", onClose).on("data", onData);
  });
}
