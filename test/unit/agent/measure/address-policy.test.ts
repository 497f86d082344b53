// Which addresses may be asked: everything that could be the owner's own network is out, unless the network's settings allow it.
import { readFileSync } from "node:fs";
import t from "tap";
import { makeTargetPolicy, parseIpv6Routes } from "../../../../agent/services/measure/address-policy.ts";
import { readHostNetwork } from "../../../../agent/services/measure/index.ts";
import { parseTarget } from "../../../../agent/services/measure/target.ts";

const ON_LINK = [
  { address: "8.8.4.1", prefix: 24 },
  { address: "2a00:1450:1:2::5", prefix: 64 },
];
const strict = makeTargetPolicy({ allowPrivateTargets: false, onLink: ON_LINK });
const open = makeTargetPolicy({ allowPrivateTargets: true, onLink: ON_LINK });

const PRIVATE: readonly (readonly [address: string, rule: string])[] = [
  ["127.0.0.1", "loopback address"],
  ["127.255.255.254", "loopback address"],
  ["::1", "loopback address"],
  ["10.1.2.3", "private address"],
  ["172.31.255.255", "private address"],
  ["192.168.1.1", "private address"],
  ["100.64.0.1", "private address"],
  ["fd00::1", "private address"],
  ["fec0::1", "private address"],
  ["169.254.169.254", "link-local address"],
  ["fe80::1", "link-local address"],
  ["0.0.0.0", "special-purpose address"],
  ["198.18.0.1", "special-purpose address"],
  ["240.0.0.1", "special-purpose address"],
  ["2001:db8::1", "special-purpose address"],
  ["::", "IPv6 address that carries an IPv4 address"],
  ["::ffff:10.0.0.1", "IPv6 address that carries an IPv4 address"],
  ["::ffff:a00:1", "IPv6 address that carries an IPv4 address"],
  ["::10.0.0.1", "IPv6 address that carries an IPv4 address"],
  ["64:ff9b::a00:1", "IPv6 address that carries an IPv4 address"],
  ["2002:a00:1::1", "IPv6 address that carries an IPv4 address"],
  ["8.8.4.77", "address in a network of this node"],
  ["2a00:1450:1:2:ffff::1", "address in a network of this node"],
];

t.test("private addresses are refused in every shape, with the rule", async (t) => {
  for (const [address, rule] of PRIVATE) {
    t.equal(strict.refusalOf([address]), rule, address);
    t.equal(strict.refusalOf(["9.9.9.9", address]), rule, `${address} behind a public one`);
    t.equal(open.refusalOf([address]), undefined, `${address} where the network allows it`);
  }
});

t.test("public addresses beside the node's own networks are fine", async (t) => {
  for (const address of ["9.9.9.9", "8.8.5.1", "2620:fe::fe", "2a00:1450:1:3::1"])
    t.equal(strict.refusalOf([address]), undefined, address);
  t.equal(strict.refusalOf([]), undefined);
});

t.test("groups of hosts are refused everywhere", async (t) => {
  for (const policy of [strict, open]) {
    for (const address of ["224.0.0.1", "ff02::1", "255.255.255.255", "not an address"])
      t.ok(policy.refusalOf([address]), address);
  }
});

t.test("targets: literal addresses, names of private networks, mail ports", async (t) => {
  const refusal = (policy: typeof strict, method: "ping" | "tcp" | "http" | "dns", text: string): string | undefined => {
    const target = parseTarget(method, text);
    return target.ok ? policy.refusalOfTarget(target.value) : `not read: ${target.error}`;
  };
  t.equal(refusal(strict, "http", "http://[::ffff:10.0.0.1]/"), "IPv6 address that carries an IPv4 address");
  t.equal(refusal(strict, "tcp", "10.0.0.1:80"), "private address");
  for (const name of [
    "router",
    "nas.lan",
    "localhost",
    "a.localhost",
    "printer.local",
    "x.home.arpa",
    "db.internal",
    "fritz.box.home",
  ]) {
    t.equal(refusal(strict, "dns", name), "name of a private network", name);
    t.equal(refusal(open, "ping", name), undefined, name);
  }
  for (const port of [25, 465, 587]) {
    t.equal(refusal(strict, "tcp", `example.com:${port}`), `port ${port} is for mail`);
    t.equal(refusal(open, "http", `http://example.com:${port}/`), `port ${port} is for mail`);
  }
  t.equal(refusal(strict, "http", "https://example.com/"), undefined);
  t.equal(refusal(strict, "dns", "local.example.com"), undefined);
});

t.test("name servers that an assignment chooses are public ones at port 53", async (t) => {
  t.equal(strict.refusalOfServer({ address: "9.9.9.9", port: 53 }), undefined);
  t.equal(strict.refusalOfServer({ address: "192.168.1.1", port: 53 }), "private address");
  t.equal(strict.refusalOfServer({ address: "9.9.9.9", port: 80 }), "a name server at another port than 53");
  t.equal(open.refusalOfServer({ address: "127.0.0.1", port: 5353 }), undefined);
});

t.test("IPv6 routes without a gateway are networks of this node, a delegated prefix included", async (t) => {
  const text = readFileSync(new URL("../../../fixtures/measure/routes/ipv6_route.txt", import.meta.url), "utf8");
  const policy = makeTargetPolicy({ allowPrivateTargets: false, onLink: parseIpv6Routes(text) });
  const shown = parseIpv6Routes(text).map(({ address, prefix }) => `${address}/${prefix}`);
  t.ok(shown.includes("2001:0db8:9000:0000:0000:0000:0000:0000/48"));
  t.notOk(
    shown.some((one) => one.endsWith("/0")),
    "a default route is everything, not ours",
  );
  t.equal(policy.refusalOf(["2620:fe::fe"]), undefined);
  const delegated = makeTargetPolicy({ allowPrivateTargets: false, onLink: [{ address: "2a00:1450:9000::", prefix: 48 }] });
  t.equal(delegated.refusalOf(["2a00:1450:9000:abcd::1"]), "address in a network of this node");
  for (const garbage of ["", "x", `${text.slice(0, 60)}\n`, "\u0000".repeat(100)]) t.strictSame(parseIpv6Routes(garbage), []);
});

t.test("a node that cannot tell its own networks measures nothing", async (t) => {
  const everything = [
    { address: "0.0.0.0", prefix: 0 },
    { address: "::", prefix: 0 },
  ];
  const policy = makeTargetPolicy({ allowPrivateTargets: false, onLink: everything });
  for (const address of ["9.9.9.9", "2620:fe::fe"]) t.equal(policy.refusalOf([address]), "address in a network of this node");
});

t.test("this machine's own network is read", async (t) => {
  const network = readHostNetwork();
  const policy = makeTargetPolicy({ allowPrivateTargets: false, onLink: network.onLink });
  t.ok(
    network.onLink.some(({ address }) => address === "127.0.0.1"),
    "the loopback interface is one of them",
  );
  for (const { address } of network.onLink) t.ok(policy.refusalOf([address]), address);
});
