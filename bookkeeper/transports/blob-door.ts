import type { AddressInfo } from "node:net";
import { fromHex } from "../../base/index.ts";
import type { Contents } from "../contents-store.ts";
import { BookkeeperError } from "../errors.ts";

/** Where nodes fetch contents that do not fit into a message. */
export interface BlobDoor {
  /** `http://host:port`, as this machine sees it. */
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Serves contents by their hash under `/blobs/<sha-256>`. Plain HTTP: whoever fetches checks the hash, and what is placed on strangers'
 * boxes is no secret of this server. Throws BookkeeperError `unfit-machine` when it cannot listen.
 */
export async function openBlobDoor(
  contents: Contents,
  options: { readonly host: string; readonly port: number },
): Promise<BlobDoor> {
  // Loaded only where blobs are served.
  const { Hono } = await import("hono");
  const { serve } = await import("@hono/node-server");
  const app = new Hono();
  app.get("/", (context) => context.text("bonusnode: blobs by their SHA-256 under /blobs/\n"));
  app.get("/blobs/:hash", async (context) => {
    const hash = fromHex(context.req.param("hash"));
    if (hash?.length !== 32 || !contents.has(hash)) return context.text("no such blob\n", 404);
    const bytes = await contents.read(hash);
    return context.body(new Uint8Array(bytes), 200, {
      "content-type": "application/octet-stream",
      "content-length": String(bytes.length),
    });
  });
  return new Promise((resolve, reject) => {
    const server = serve({ fetch: app.fetch, hostname: options.host, port: options.port }, (info: AddressInfo) => {
      resolve({ url: `http://${options.host}:${info.port}`, close: () => new Promise((done) => server.close(() => done())) });
    });
    server.once("error", (cause: Error) => {
      const where = `${options.host}:${options.port}`;
      reject(new BookkeeperError("unfit-machine", `cannot serve blobs on ${where}: ${cause.message}`, { cause }));
    });
  });
}
