import { createSocket } from "node:dgram";
import type { Test } from "tap";

/** A record of the answer section; its owner is the name that was asked for. */
export interface DnsRecord {
  readonly type: number;
  readonly data: Buffer;
}

/** A name as DNS writes it, without compression. */
export function nameBytes(name: string): Buffer {
  const labels = name === "" ? [] : name.split(".");
  return Buffer.concat([...labels.map((label) => Buffer.concat([Buffer.of(label.length), Buffer.from(label)])), Buffer.of(0)]);
}

/** The answer of a server to one of our queries, written without the code under test. */
export function answerTo(query: Buffer, records: readonly DnsRecord[], responseCode: number): Buffer {
  const question = query.subarray(12, query.length - 11);
  const header = Buffer.from([query[0] ?? 0, query[1] ?? 0, 0x81, 0x80 | responseCode, 0, 1, 0, records.length, 0, 0, 0, 0]);
  const encoded = records.map(({ type, data }) => {
    const fixed = Buffer.alloc(12);
    fixed.writeUInt16BE(0xc00c, 0);
    fixed.writeUInt16BE(type, 2);
    fixed.writeUInt16BE(1, 4);
    fixed.writeUInt32BE(60, 6);
    fixed.writeUInt16BE(data.length, 10);
    return Buffer.concat([fixed, data]);
  });
  return Buffer.concat([header, question, ...encoded]);
}

/** The name and type that a query of ours asks for. */
export function questionOf(query: Buffer): { readonly name: string; readonly type: number } {
  const labels: string[] = [];
  let position = 12;
  for (let length = query[position] ?? 0; length > 0; length = query[position] ?? 0) {
    labels.push(query.toString("latin1", position + 1, position + 1 + length));
    position += length + 1;
  }
  return { name: labels.join("."), type: query.readUInt16BE(position + 1) };
}

/** A DNS server on the loopback interface, gone when the test is over. `answer` gives the datagrams to send back to a query. */
export async function startDnsServer(
  t: Test,
  answer: (query: Buffer) => readonly Buffer[],
): Promise<{ readonly port: number; readonly queries: Buffer[] }> {
  const socket = createSocket("udp4");
  const queries: Buffer[] = [];
  socket.on("message", (query, from) => {
    queries.push(query);
    for (const datagram of answer(query)) socket.send(datagram, from.port, from.address);
  });
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  t.teardown(() => new Promise<void>((resolve) => void socket.close(() => resolve())));
  return { port: socket.address().port, queries };
}

/** A server that knows the IPv4 and IPv6 addresses of some names, and says of all others that there are none. */
export function zone(addresses: Readonly<Record<string, readonly string[]>>): (query: Buffer) => readonly Buffer[] {
  return (query) => {
    const { name, type } = questionOf(query);
    const known = addresses[name];
    if (known === undefined) return [answerTo(query, [], 3)];
    const records = known
      .filter((address) => address.includes(":") === (type === 28))
      .map((address) => ({ type, data: packed(address) }));
    return [answerTo(query, records, 0)];
  };
}

function packed(address: string): Buffer {
  if (!address.includes(":")) return Buffer.from(address.split(".").map(Number));
  const [head = "", tail = ""] = address.split("::");
  const groups = (half: string): string[] => (half === "" ? [] : half.split(":").map((group) => group.padStart(4, "0")));
  const left = groups(head);
  const right = groups(tail);
  const middle = Array.from({ length: 8 - left.length - right.length }, () => "0000");
  return Buffer.from([...left, ...middle, ...right].join(""), "hex");
}
