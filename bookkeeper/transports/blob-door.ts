import type { AddressInfo } from "node:net";
import type { ServerType } from "@hono/node-server";
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
    const content = hash?.length === 32 ? await contents.open(hash) : undefined;
    if (content === undefined) return context.text("no such blob\n", 404);
    return context.body(content.stream as ReadableStream, 200, {
      "content-type": "application/octet-stream",
      "content-length": String(content.size),
    });
  });
  return new Promise((resolve, reject) => {
    const server = serve({ fetch: app.fetch, hostname: options.host, port: options.port }, (info: AddressInfo) => {
      const host = options.host.includes(":") ? `[${options.host}]` : options.host;
      resolve({ url: `http://${host}:${info.port}`, close: () => closeServer(server) });
    });
    server.once("error", (cause: Error) => {
      const where = `${options.host}:${options.port}`;
      reject(new BookkeeperError("unfit-machine", `cannot serve blobs on ${where}: ${cause.message}`, { cause }));
    });
  });
}

/** Ends the server, downloads that are under way included: their nodes try again. */
function closeServer(server: ServerType): Promise<void> {
  return new Promise((done) => {
    server.close(() => done());
    if ("closeAllConnections" in server) server.closeAllConnections();
  });
}
