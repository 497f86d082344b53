import { NETWORK_NAME } from "./limits.ts";

/** The MQTT topics of a network: `bn/1/{network}/...`, at most seven slashes. A node writes only below its own id. */

/** What a node's topics carry. `desc` and `state` are retained. */
export const NODE_CHANNELS = ["desc", "state", "cmd", "pow", "rcpt"] as const;
export type NodeChannel = (typeof NODE_CHANNELS)[number];

/** Channels that the node itself writes; the others are written by bookkeepers. */
export const NODE_WRITES: ReadonlySet<NodeChannel> = new Set(["desc", "state", "pow"]);

/** The topic of one node's channel, or with `+` for the id of every node's. */
export function nodeTopic(network: string, nodeId: string, channel: NodeChannel): string {
  return `bn/1/${network}/w/${nodeId}/${channel}`;
}

/** The retained topic of a bookkeeper's beacon, or with `+` for the id of every bookkeeper's. */
export function beaconTopic(network: string, bookkeeperId: string): string {
  return `bn/1/${network}/bk/${bookkeeperId}/beacon`;
}

/** What a topic name says. */
export type Topic =
  | { readonly kind: "node"; readonly network: string; readonly nodeId: string; readonly channel: NodeChannel }
  | { readonly kind: "beacon"; readonly network: string; readonly bookkeeperId: string };

/** Reads a topic name; undefined for one that is not of this protocol. */
export function parseTopic(topic: string): Topic | undefined {
  const [bn, version, network, side, id, channel, ...rest] = topic.split("/");
  if (bn !== "bn" || version !== "1" || network === undefined || !NETWORK_NAME.test(network)) return undefined;
  if (id === undefined || id === "" || rest.length > 0) return undefined;
  if (side === "bk" && channel === "beacon") return { kind: "beacon", network, bookkeeperId: id };
  const known = NODE_CHANNELS.find((name) => name === channel);
  return side === "w" && known !== undefined ? { kind: "node", network, nodeId: id, channel: known } : undefined;
}
