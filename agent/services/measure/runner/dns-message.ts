import type { RecordType } from "./job.ts";

/** DNS messages as far as measuring needs them: RFC 1035, AAAA of RFC 3596, EDNS of RFC 6891. Pure: bytes in, values out. */

const TYPES: Readonly<Record<RecordType, number>> = { A: 1, NS: 2, CNAME: 5, MX: 15, TXT: 16, AAAA: 28 };
const OPT = 41;
const CLASS_INTERNET = 1;
const HEADER_BYTES = 12;

/** The largest answer that is asked for: one that passes every usual path unfragmented (DNS flag day 2020). In bytes. */
export const EDNS_BYTES = 1232;

/** Names longer than this do not exist; in characters, escapes included. */
const MAX_NAME_CHARACTERS = 1024;

/** Records of a message that are looked at. */
const MAX_RECORDS = 64;

/** What is asked. The name in lower case, without a trailing dot. */
export interface DnsQuestion {
  readonly name: string;
  readonly type: RecordType;
}

/** An answer to a question. */
export interface DnsAnswer {
  /** RFC 1035 section 4.1.1: 0 no error, 2 server failure, 3 no such name, 5 refused. */
  readonly responseCode: number;
  /** The server had more to say than fits a datagram. */
  readonly isTruncated: boolean;
  /**
   * Records of the type that was asked for, as text: an address, a name, `10 mail.example`, or `"quoted text"`. Printable
   * ASCII.
   */
  readonly records: readonly string[];
}

/** The datagram that asks `question`, recursion wanted. `id` is 16 random bits. Throws a RangeError for what is not a name. */
export function encodeQuery(id: number, question: DnsQuestion): Buffer {
  const labels = question.name.split(".");
  if (question.name.length > 253 || labels.some((label) => label.length === 0 || label.length > 63)) {
    throw new RangeError("not a domain name");
  }
  const header = Buffer.from([id >> 8, id & 0xff, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 1]);
  const name = labels.map((label) => Buffer.concat([Buffer.of(label.length), Buffer.from(label, "latin1")]));
  const asked = Buffer.from([0, TYPES[question.type] >> 8, TYPES[question.type] & 0xff, 0, CLASS_INTERNET]);
  const edns = Buffer.from([0, 0, OPT, EDNS_BYTES >> 8, EDNS_BYTES & 0xff, 0, 0, 0, 0, 0, 0]);
  return Buffer.concat([header, ...name, asked, edns]);
}

/**
 * The answer to `question` that was asked under `id`, or undefined for a datagram that is none: another id, another question,
 * no answer at all, or cut short. Never throws. Records behind a damaged one are lost, the datagram is then none.
 */
export function decodeAnswer(datagram: Buffer, id: number, question: DnsQuestion): DnsAnswer | undefined {
  if (datagram.length < HEADER_BYTES || datagram.readUInt16BE(0) !== id) return undefined;
  const flags = datagram.readUInt16BE(2);
  const isAnswer = (flags & 0x8000) !== 0 && (flags & 0x7800) === 0;
  if (!isAnswer || datagram.readUInt16BE(4) !== 1) return undefined;
  try {
    const asked = readName(datagram, HEADER_BYTES);
    const isOurs =
      asked.name.toLowerCase() === question.name &&
      datagram.readUInt16BE(asked.end) === TYPES[question.type] &&
      datagram.readUInt16BE(asked.end + 2) === CLASS_INTERNET;
    if (!isOurs) return undefined;
    const isTruncated = (flags & 0x0200) !== 0;
    const records = isTruncated ? [] : readRecords(datagram, asked.end + 4, question.type);
    return { responseCode: flags & 0x0f, isTruncated, records };
  } catch (thrown) {
    // Reading past the end is how a cut or lying message shows.
    if (thrown instanceof RangeError) return undefined;
    throw thrown;
  }
}

function readRecords(datagram: Buffer, start: number, type: RecordType): string[] {
  const count = datagram.readUInt16BE(6);
  if (count > MAX_RECORDS) throw new RangeError("too many records");
  const records: string[] = [];
  let position = start;
  for (let index = 0; index < count; index++) {
    const owner = readName(datagram, position);
    const recordType = datagram.readUInt16BE(owner.end);
    const recordClass = datagram.readUInt16BE(owner.end + 2);
    const dataStart = owner.end + 10;
    const dataEnd = dataStart + datagram.readUInt16BE(owner.end + 8);
    if (dataEnd > datagram.length) throw new RangeError("a record that is longer than the message");
    if (recordType === TYPES[type] && recordClass === CLASS_INTERNET) {
      records.push(readData(datagram, dataStart, dataEnd, type));
    }
    position = dataEnd;
  }
  return records;
}

function readData(datagram: Buffer, start: number, end: number, type: RecordType): string {
  const data = datagram.subarray(start, end);
  switch (type) {
    case "A":
      if (data.length !== 4) throw new RangeError("an IPv4 address of another length");
      return data.join(".");
    case "AAAA":
      return formatIpv6(data);
    case "MX":
      return `${data.readUInt16BE(0)} ${shown(readName(datagram, start + 2).name)}`;
    case "TXT":
      return readTexts(data);
    case "CNAME":
    case "NS":
      return shown(readName(datagram, start).name);
  }
}

/** The root's name is empty; people write a dot. */
function shown(name: string): string {
  return name === "" ? "." : name;
}

/** Character strings, each quoted, RFC 1035 section 5.1. */
function readTexts(data: Buffer): string {
  const texts: string[] = [];
  for (let position = 0; position < data.length; ) {
    const end = position + 1 + data.readUInt8(position);
    if (end > data.length) throw new RangeError("a text that is longer than its record");
    texts.push(`"${escaped(data.subarray(position + 1, end), '"\\')}"`);
    position = end;
  }
  return texts.length === 0 ? '""' : texts.join(" ");
}

/** The canonical text of an IPv6 address, RFC 5952. */
function formatIpv6(data: Buffer): string {
  if (data.length !== 16) throw new RangeError("an IPv6 address of another length");
  const groups = Array.from({ length: 8 }, (_, index) => data.readUInt16BE(index * 2).toString(16)).join(":");
  const zeros = (groups.match(/\b0(?::0)+\b/g) ?? []).reduce((longest, run) => (run.length > longest.length ? run : longest), "");
  if (zeros === "") return groups;
  const at = groups.search(new RegExp(`\\b${zeros}\\b`));
  return `${groups.slice(0, at).replace(/:$/, "")}::${groups.slice(at + zeros.length).replace(/^:/, "")}`;
}

/** A name with its compression followed. Pointers may only lead backwards, so that following them ends. */
function readName(datagram: Buffer, start: number): { readonly name: string; readonly end: number } {
  const labels: string[] = [];
  let characters = 0;
  let position = start;
  let end: number | undefined;
  let lowest = start;
  for (;;) {
    const length = datagram.readUInt8(position);
    if (length === 0) return { name: labels.join("."), end: end ?? position + 1 };
    if (length >= 0xc0) {
      const target = datagram.readUInt16BE(position) & 0x3fff;
      if (target >= lowest) throw new RangeError("a name that points forwards");
      end ??= position + 2;
      lowest = target;
      position = target;
      continue;
    }
    const labelEnd = position + 1 + length;
    if (length > 63 || labelEnd > datagram.length) throw new RangeError("a label that is too long");
    const label = escaped(datagram.subarray(position + 1, labelEnd), '."\\ ');
    characters += label.length + 1;
    if (characters > MAX_NAME_CHARACTERS) throw new RangeError("a name that is too long");
    labels.push(label);
    position = labelEnd;
  }
}

/** Bytes as printable ASCII: what is not, and the characters in `special`, as `\DDD`. */
function escaped(bytes: Buffer, special: string): string {
  return Array.from(bytes, (byte) => {
    const character = String.fromCharCode(byte);
    return byte >= 0x20 && byte < 0x7f && !special.includes(character) ? character : `\\${String(byte).padStart(3, "0")}`;
  }).join("");
}
