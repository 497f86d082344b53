import type { AddressInfo, Socket } from "node:net";
import { createServer } from "node:net";
import { MqttError } from "../errors.ts";
import { MAX_PACKET_BYTES } from "../limits.ts";

/** Who may write to the embedded broker: user name, password, and the topics below which that user may publish. */
export interface BrokerUser {
  readonly username: string;
  readonly password: string;
  mayPublish(topic: string): boolean;
}

/** The broker of `bonusnode up`: in this process, on loopback, gone with it. */
export interface EmbeddedBroker {
  /** Where any MQTT 3.1.1 client on this machine can connect. */
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Starts the embedded broker. Anyone on this machine may connect without a name and listen; only the named users may publish, each
 * where it says. Throws MqttError `cannot-listen`, naming the port.
 */
export async function startEmbeddedBroker(options: {
  readonly port: number;
  readonly users: readonly BrokerUser[];
}): Promise<EmbeddedBroker> {
  const users = new Map(options.users.map((user) => [user.username, user]));
  const known = new WeakMap<object, BrokerUser>();
  // Loaded only here: an agent on a router never carries a broker.
  const { Aedes } = await import("aedes");
  const aedes = await Aedes.createBroker({
    authenticate: (client, username, password, done) => {
      const user = username === undefined || username === null ? undefined : users.get(username);
      if (user !== undefined && password?.toString() === user.password) known.set(client, user);
      done(null, username === undefined || username === null || known.has(client));
    },
    authorizePublish: (client, packet, done) => {
      const isWithinSize = packet.payload.length <= MAX_PACKET_BYTES;
      const allowed = client === null || (isWithinSize && known.get(client)?.mayPublish(packet.topic) === true);
      done(allowed ? null : new Error(`publishing to ${packet.topic} is not allowed`));
    },
  });
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    aedes.handle(socket);
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.once("error", (cause) => {
      // Its timers would keep the program from ending.
      aedes.close();
      reject(
        new MqttError("cannot-listen", `cannot listen on port ${options.port} of this machine: ${cause.message}`, { cause }),
      );
    });
    server.listen(options.port, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
  });
  return {
    url: `mqtt://127.0.0.1:${port}`,
    close: async () => {
      await new Promise<void>((resolve) => aedes.close(resolve));
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
