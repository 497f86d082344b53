/**
 * An assignment must not make a box look into its owner's own network, so every special block has to be known to its last address. The first
 * and last address of each block of the IANA registries, the ones beside them, and every form that carries an IPv4 address are classified.
 */
import { test } from "tap";
import { classifyAddress, isPublicAddress } from "../../../base/index.ts";

/** IANA IPv4 and IPv6 Special-Purpose Address Registries, and the multicast and site-local blocks. */
const BLOCKS: readonly (readonly [block: string, rule: string])[] = [
  ["0.0.0.0/8", "special"],
  ["10.0.0.0/8", "private"],
  ["100.64.0.0/10", "private"],
  ["127.0.0.0/8", "loopback"],
  ["169.254.0.0/16", "link-local"],
  ["172.16.0.0/12", "private"],
  ["192.0.0.0/24", "special"],
  ["192.0.0.0/29", "special"],
  ["192.0.0.8/32", "special"],
  ["192.0.0.9/32", "special"],
  ["192.0.0.10/32", "special"],
  ["192.0.0.170/31", "special"],
  ["192.0.2.0/24", "special"],
  ["192.31.196.0/24", "special"],
  ["192.52.193.0/24", "special"],
  ["192.88.99.0/24", "special"],
  ["192.168.0.0/16", "private"],
  ["192.175.48.0/24", "special"],
  ["198.18.0.0/15", "special"],
  ["198.51.100.0/24", "special"],
  ["203.0.113.0/24", "special"],
  ["224.0.0.0/4", "multicast"],
  ["240.0.0.0/4", "special"],
  ["255.255.255.255/32", "special"],
  ["::1/128", "loopback"],
  ["::/128", "embedded-ipv4"],
  ["::ffff:0:0/96", "embedded-ipv4"],
  ["64:ff9b::/96", "embedded-ipv4"],
  ["64:ff9b:1::/48", "embedded-ipv4"],
  ["100::/64", "special"],
  ["100:0:0:1::/64", "special"],
  ["2001::/23", "special"],
  ["2001::/32", "special"],
  ["2001:1::1/128", "special"],
  ["2001:1::2/128", "special"],
  ["2001:1::3/128", "special"],
  ["2001:2::/48", "special"],
  ["2001:3::/32", "special"],
  ["2001:4:112::/48", "special"],
  ["2001:10::/28", "special"],
  ["2001:20::/28", "special"],
  ["2001:30::/28", "special"],
  ["2001:db8::/32", "special"],
  ["2002::/16", "embedded-ipv4"],
  ["2620:4f:8000::/48", "special"],
  ["3fff::/20", "special"],
  ["5f00::/16", "special"],
  ["fc00::/7", "private"],
  ["fe80::/10", "link-local"],
  ["fec0::/10", "private"],
  ["ff00::/8", "multicast"],
];

/** Addresses right before or after a block, which belong to the public internet unless another block follows at once. */
const PUBLIC: readonly string[] = [
  ...["1.0.0.0", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0", "169.253.255.255"],
  ...[
    "169.255.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "191.255.255.255",
    "192.0.1.0",
    "192.0.3.0",
    "192.31.195.255",
    "192.31.197.0",
  ],
  ...["192.52.192.255", "192.52.194.0", "192.88.98.255", "192.88.100.0", "192.167.255.255", "192.169.0.0", "192.175.47.255"],
  ...[
    "192.175.49.0",
    "198.17.255.255",
    "198.20.0.0",
    "198.51.99.255",
    "198.51.101.0",
    "203.0.112.255",
    "203.0.114.0",
    "223.255.255.255",
  ],
  ...[
    "8.8.8.8",
    "1.1.1.1",
    "2606:4700:4700::1111",
    "2620:fe::fe",
    "2a00:1450:4001:810::200e",
    "2001:200::",
    "2001:4860:4860::8888",
  ],
  ...[
    "2001:db7:ffff::1",
    "2001:db9::",
    "2003::",
    "2620:4f:7fff:ffff::1",
    "2620:4f:8001::",
    "64:ff9a::1",
    "64:ff9b::1:0:0",
    "64:ff9b:2::",
  ],
  ...[
    "100:0:0:2::",
    "ff:ffff::1",
    "3ffe:ffff::1",
    "3fff:1000::",
    "5eff:ffff::1",
    "5f01::",
    "fbff:ffff::1",
    "fe7f:ffff::1",
    "::1:0:0:0:0",
  ],
];

interface Span {
  readonly first: bigint;
  readonly last: bigint;
  readonly bits: 32 | 128;
}

function spanOf(block: string): Span {
  const [address = "", prefix = ""] = block.split("/");
  const isV4 = !address.includes(":");
  const bits = isV4 ? 32 : 128;
  const groups = isV4 ? address.split(".").map(BigInt) : expand(address);
  const first = groups.reduce((value, group) => (value << (isV4 ? 8n : 16n)) | group, 0n);
  return { first, last: first + (1n << BigInt(bits - Number(prefix))) - 1n, bits };
}

/** The eight groups of an IPv6 address. */
function expand(address: string): bigint[] {
  const [left = "", right] = address.split("::");
  const groups = (text: string): bigint[] => (text === "" ? [] : text.split(":").map((group) => BigInt(`0x${group}`)));
  const [head, tail] = [groups(left), groups(right ?? "")];
  return [...head, ...Array.from({ length: right === undefined ? 0 : 8 - head.length - tail.length }, () => 0n), ...tail];
}

function write(value: bigint, bits: 32 | 128): string {
  const size = bits === 32 ? 8 : 16;
  const groups = Array.from(
    { length: bits / size },
    (_, index) => (value >> BigInt(bits - size * (index + 1))) & ((1n << BigInt(size)) - 1n),
  );
  return groups.map((group) => group.toString(bits === 32 ? 10 : 16)).join(bits === 32 ? "." : ":");
}

test("every special block, from its first to its last address", (t) => {
  for (const [block, rule] of BLOCKS) {
    const { first, last, bits } = spanOf(block);
    for (const value of [first, first + 1n > last ? last : first + 1n, (first + last) / 2n, last]) {
      // The loopback address lies in the block of the old IPv4-compatible addresses.
      const expected = bits === 128 && value === 1n ? "loopback" : rule;
      t.equal(classifyAddress(write(value, bits)), expected, `${block}: ${write(value, bits)}`);
    }
  }
  t.end();
});

test("the addresses beside them are public", (t) => {
  for (const address of PUBLIC) t.equal(classifyAddress(address), undefined, address);
  for (const address of PUBLIC) t.ok(isPublicAddress(address), address);
  t.end();
});

test("an IPv4 address inside an IPv6 one is not public, whichever it is", (t) => {
  for (const inner of ["10.0.0.1", "192.168.1.1", "127.0.0.1", "169.254.169.254", "8.8.8.8", "255.255.255.255", "0.0.0.0"]) {
    const [a = 0, b = 0, c = 0, d = 0] = inner.split(".").map(Number);
    const high = (a * 256 + b).toString(16);
    const low = (c * 256 + d).toString(16);
    for (const outer of [
      `::ffff:${inner}`,
      `::ffff:${high}:${low}`,
      `0:0:0:0:0:FFFF:${high}:${low}`,
      `::${inner}`,
      `::ffff:0:${inner}`,
      `64:ff9b::${inner}`,
      `64:ff9b:1::${inner}`,
      `2002:${high}:${low}::1`,
      `2001:0:${high}:${low}::`,
    ])
      t.notOk(isPublicAddress(outer), outer);
  }
  t.end();
});

test("what is no literal address is never public", (t) => {
  const others = [
    ...[
      "",
      " ",
      "localhost",
      "example.com",
      "127.1",
      "0x7f.0.0.1",
      "0177.0.0.1",
      "2130706433",
      "127.0.0.1.",
      "127.0.0.1:80",
      "1.2.3.4/24",
    ],
    ...[
      "[::1]",
      "::1%lo",
      "fe80::1%eth0",
      "2001:4860:4860::8888%eth0",
      "::ffff:1.2.3",
      "1.2.3.4 ",
      " 1.2.3.4",
      "1.2.3.4\n",
      "１.2.3.4",
      "::g",
    ],
  ];
  for (const text of others) t.equal(classifyAddress(text), "not-an-address", JSON.stringify(text));
  t.end();
});
