import { connect as connectTcp, isIP } from "node:net";
import type { connect as ConnectTls } from "node:tls";
import { type IClientOptions, type IStream, MqttClient } from "mqtt";
import { backoffMs, type Clock, type Log, type Random } from "../../base/index.ts";
import { MAX_MESSAGE_BYTES } from "../../protocol/index.ts";
import { MqttError } from "../errors.ts";
import {
  CLOSE_TIMEOUT_MS,
  CONNECT_TIMEOUT_MS,
  KEEPALIVE_SECONDS,
  MAX_PACKET_BYTES,
  MAX_UNTAKEN_MESSAGES,
  PUBLISH_TIMEOUT_MS,
  RECONNECT,
  STEADY_MS,
} from "../limits.ts";
import type { Link, LinkHandlers, LinkOptions, OutgoingMessage } from "../link.ts";
import { describeLinkTrouble } from "../link-trouble.ts";

/** What a link needs of the world. */
export interface LinkNeeds {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

type Version = 4 | 5;

/**
 * A link over mqtt.js. Each attempt is a client of its own, so that none of the library's stores, queues or resubscriptions outlive
 * a connection: what has to survive is in the caller's own outbox. MQTT 5 is tried first and 3.1.1 where the broker refuses it.
 * Throws MqttError `bad-url` at once for an address that is none.
 */
export function makeMqttLink(needs: LinkNeeds, options: LinkOptions, handlers: LinkHandlers): Link {
  const address = parseBrokerUrl(options.url);
  const stopping = new AbortController();
  let connectTls: typeof ConnectTls | undefined;
  let current: MqttClient | undefined;
  let isUp = false;
  let running: Promise<void> | undefined;

  const run = async (): Promise<void> => {
    // A box that reaches its broker without TLS does not carry it.
    connectTls = address.secure ? (await import("node:tls")).connect : undefined;
    let version: Version = 5;
    let failures = 0;
    while (!stopping.signal.aborted) {
      const ended = await connectOnce(version);
      if (stopping.signal.aborted) return;
      if (ended.upMs >= STEADY_MS) failures = 0;
      if (ended.versionRefused) version = version === 5 ? 4 : 5;
      const retryInMs = ended.versionRefused && failures === 0 ? 0 : backoffMs(failures, RECONNECT, needs.random);
      failures += 1;
      if (!ended.versionRefused || failures > 1) handlers.onDown({ why: ended.why, retryInMs });
      await needs.clock.sleep(retryInMs, stopping.signal).catch(() => undefined);
    }
  };

  /** One connection from the first packet to its end, whatever ends it; how long it was up, in milliseconds. */
  const connectOnce = (version: Version): Promise<{ why: string; upMs: number; versionRefused: boolean }> =>
    new Promise((resolve) => {
      let why = "the broker closed the connection";
      const open = (): IStream => {
        const stream = openStream(options, address, connectTls);
        // The library tells only some of what goes wrong below it.
        stream.once("error", (error: Error) => {
          why = describeLinkTrouble(error);
        });
        return stream;
      };
      const client = new MqttClient(open, clientOptions(options, version));
      let upSinceMs: number | undefined;
      let versionRefused = false;
      current = client;
      holdBackWhenBehind(client, handlers);
      client.on("connect", () => {
        client.subscribe([...options.subscriptions], { qos: 1 }, (error) => {
          if (error !== null && error !== undefined) {
            why = `the broker refused the subscription: ${error.message}`;
            client.end(true);
            return;
          }
          upSinceMs = needs.clock.monotonicMs();
          isUp = true;
          handlers.onUp({ protocolVersion: version });
        });
      });
      client.on("error", (error) => {
        why = describeLinkTrouble(error);
        versionRefused ||= isVersionRefusal(error);
        client.end(true);
      });
      client.on("disconnect", (packet) => {
        why = `the broker ended the connection (reason ${packet.reasonCode ?? 0})`;
      });
      client.on("close", () => {
        isUp = false;
        if (current === client) current = undefined;
        client.end(true);
        resolve({ why, upMs: upSinceMs === undefined ? 0 : needs.clock.monotonicMs() - upSinceMs, versionRefused });
      });
    });

  return {
    start: () => {
      running ??= run();
    },
    get isUp() {
      return isUp;
    },
    publish: (message) => publish(isUp ? current : undefined, message),
    stop: async (farewell) => {
      const client = current;
      if (farewell !== undefined && isUp) {
        await Promise.race([publish(client, farewell).catch(() => undefined), needs.clock.sleep(CLOSE_TIMEOUT_MS)]);
      }
      stopping.abort();
      if (client !== undefined)
        await Promise.race([client.endAsync(false), needs.clock.sleep(CLOSE_TIMEOUT_MS)]).catch(() => undefined);
      // The library goes on waiting for acknowledgements that are owed, and takes no second word to end.
      client?.stream.destroy();
      await running;
    },
  };
}

interface BrokerAddress {
  readonly host: string;
  readonly port: number;
  readonly secure: boolean;
}

/** The parts of a broker's URL. Throws MqttError `bad-url`. */
export function parseBrokerUrl(url: string): BrokerAddress {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  const secure = parsed?.protocol === "mqtts:";
  if (parsed === undefined || (!secure && parsed.protocol !== "mqtt:") || parsed.hostname === "") {
    throw new MqttError("bad-url", `${url} is no broker address; write mqtt://host:1883 or mqtts://host:8883`);
  }
  if (parsed.username !== "" || parsed.password !== "") {
    throw new MqttError("bad-url", "a broker address carries no password; give it in [broker] username and password_file");
  }
  const host = parsed.hostname.replace(/^\[|\]$/g, "");
  return { host, port: parsed.port === "" ? (secure ? 8883 : 1883) : Number(parsed.port), secure };
}

/**
 * The connection below MQTT. The library would open it too, but loads web sockets and proxies to do so: a third of what the whole agent
 * weighs. A certificate that does not hold ends a TLS connection before anything is sent.
 */
function openStream(
  { tls = {} }: LinkOptions,
  { host, port }: BrokerAddress,
  connectTls: typeof ConnectTls | undefined,
): IStream {
  if (connectTls === undefined) return connectTcp({ host, port });
  const { ca, certificate, key } = tls;
  return connectTls({
    host,
    port,
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...(ca === undefined ? {} : { ca }),
    ...(certificate === undefined ? {} : { cert: certificate }),
    ...(key === undefined ? {} : { key }),
  });
}

function clientOptions(options: LinkOptions, version: Version): IClientOptions {
  const will = options.will?.();
  return {
    protocolVersion: version,
    // The library would keep a ready-made buffer for each of 65,536 numbers: 7 MB to save nanoseconds.
    writeCache: false,
    clientId: options.clientId,
    clean: true,
    reconnectPeriod: 0,
    connectTimeout: CONNECT_TIMEOUT_MS,
    keepalive: KEEPALIVE_SECONDS,
    resubscribe: false,
    queueQoSZero: false,
    ...(options.username === undefined ? {} : { username: options.username }),
    ...(options.password === undefined ? {} : { password: options.password }),
    ...(version === 5 ? { properties: { maximumPacketSize: MAX_PACKET_BYTES } } : {}),
    ...(will === undefined
      ? {}
      : { will: { topic: will.topic, payload: Buffer.from(will.payload), qos: 1 as const, retain: will.retain ?? false } }),
  };
}

function publish(client: MqttClient | undefined, message: OutgoingMessage): Promise<void> {
  const { length } = message.payload;
  if (length > MAX_MESSAGE_BYTES) {
    const why = `${message.topic}: ${length} bytes; a message has at most ${MAX_MESSAGE_BYTES}`;
    return Promise.reject(new MqttError("too-large", why));
  }
  if (client === undefined) return Promise.reject(new MqttError("offline", "not connected to a broker"));
  return new Promise((resolve, reject) => {
    const settle = (error?: MqttError): void => {
      clearTimeout(timer);
      client.off("close", onClose);
      if (error === undefined) resolve();
      else reject(error);
    };
    const timer = setTimeout(
      () => settle(new MqttError("unconfirmed", "the broker did not confirm in time")),
      PUBLISH_TIMEOUT_MS,
    );
    const onClose = (): void => settle(new MqttError("unconfirmed", "the connection ended before the broker confirmed"));
    client.once("close", onClose);
    client.publish(message.topic, Buffer.from(message.payload), { qos: 1, retain: message.retain ?? false }, (error) => {
      if (error === undefined || error === null) return settle();
      const wasAnswered = typeof (error as { code?: unknown }).code === "number";
      settle(new MqttError(wasAnswered ? "refused" : "unconfirmed", `${message.topic}: ${error.message}`));
    });
  });
}

/**
 * Hands every message on, and reads no further from the broker while too many are not taken: mqtt.js reads the next packet only
 * after `handleMessage` called back, which also holds the acknowledgement back.
 */
function holdBackWhenBehind(client: MqttClient, handlers: LinkHandlers): void {
  let untaken = 0;
  let resume: (() => void) | undefined;
  client.setMaxListeners(0);
  client.handleMessage = (packet, next) => {
    const payload = typeof packet.payload === "string" ? Buffer.from(packet.payload) : packet.payload;
    // A broker of MQTT 5 was told, one of 3.1.1 cannot be; nothing that came after it is read.
    if (payload.length > MAX_PACKET_BYTES) {
      client.emit("error", new Error(`the broker sent a message of ${payload.length} bytes`));
      return;
    }
    const taken = handlers.onMessage({ topic: packet.topic, payload, retained: packet.retain });
    if (taken === undefined) return next();
    untaken += 1;
    void taken.finally(() => {
      untaken -= 1;
      if (untaken < MAX_UNTAKEN_MESSAGES) resume?.();
    });
    if (untaken < MAX_UNTAKEN_MESSAGES) return next();
    resume = () => {
      resume = undefined;
      next();
    };
  };
}

/** CONNACK 1 of MQTT 3.1.1, or reason 0x84 of MQTT 5: the broker does not speak the version. */
function isVersionRefusal(error: Error): boolean {
  const { code } = error as { code?: unknown };
  return code === 1 || code === 0x84 || /protocol version/i.test(error.message);
}
