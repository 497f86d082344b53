/** What network interfaces are for, where they lead, what their traffic costs, and whose addresses they have. */
import { test } from "tap";
import { known } from "../../../hal/index.ts";
import { parseInet4, parseInet6 } from "../../../hal/probes/addresses.ts";
import { judgeMetered, parseConnection } from "../../../hal/probes/metered.ts";
import { readInterfaces, uplinkMetered } from "../../../hal/probes/network.ts";
import { parseIpv4Routes, parseIpv6Defaults, readRoutes } from "../../../hal/probes/routes.ts";
import { makeSimHost, makeTree, type Node } from "../../sim/machine-tree.ts";

const TABLE_HEAD = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n";
const HEX0 = "0".repeat(32);

/** A line of /proc/net/route; a default route without a network. */
function route(
  name: string,
  metric: number,
  network?: readonly [destination: string, mask: string],
  flags = network ? 1 : 3,
): string {
  const [destination, mask] = network ?? ["00000000", "00000000"];
  return `${name}\t${destination}\t${network ? "00000000" : "010200C0"}\t${String(flags).padStart(4, "0")}\t0\t0\t${metric}\t${mask}\t0\t0\t0\n`;
}

function interfaceNodes(name: string, files: Record<string, Node>, device?: string): Record<string, Node> {
  const directory = `/sys/class/net/${name}`;
  const nodes = Object.entries({ type: "1\n", operstate: "up\n", ...files }).map(([file, node]) => [
    `${directory}/${file}`,
    node,
  ]);
  return { ...Object.fromEntries(nodes), ...(device === undefined ? {} : { [`${directory}/device`]: { link: device } }) };
}

async function networkOf(nodes: Record<string, Node>) {
  const host = makeSimHost(makeTree(nodes));
  const interfaces = known(await readInterfaces(host)) ?? [];
  const routes = known(await readRoutes(host)) ?? { defaultV4: undefined, defaultV6: undefined, standby: [] };
  return { interfaces, routes, of: (name: string) => interfaces.find((facts) => facts.name === name) };
}

test("a laptop with two ways out", async (t) => {
  const { interfaces, routes, of } = await networkOf({
    ...interfaceNodes(
      "eno1",
      { duplex: "full\n", mtu: "1500\n", speed: "1000\n", address: "02:00:00:00:00:01\n" },
      "../../../0000:00:1f.6",
    ),
    ...interfaceNodes(
      "wlp3s0",
      { mtu: "1500\n", duplex: "unknown\n", "phy80211/index": "0\n", uevent: "DEVTYPE=wlan\n" },
      "../../../0000:03:00.0",
    ),
    ...interfaceNodes("eno1.7", { lower_eno1: { link: "../eno1" } }),
    ...interfaceNodes("lo", { type: "772\n", operstate: "unknown\n", carrier: "1\n", mtu: "65536\n" }),
    "/proc/net/route": `${TABLE_HEAD}${route("wlp3s0", 600)}${route("eno1", 100)}${route("eno1", 100, ["000200C0", "00FFFFFF"])}`,
    "/proc/net/ipv6_route": `${HEX0} 00 ${HEX0} 00 fe800000000000000000000000000001 00000258 00000001 00000000 00000003   wlp3s0
${HEX0} 00 ${HEX0} 00 ${HEX0} ffffffff 00000001 00000000 00200200       lo
`,
    "/proc/net/if_inet6":
      "20010db8000000000000000000000002 02 40 00 80     eno1\n00000000000000000000000000000001 01 80 10 80       lo\n",
    "/proc/net/fib_trie":
      "Local:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 192.0.2.2\n        /32 host LOCAL\n     |-- 127.0.0.1\n        /32 host LOCAL\n     |-- 192.0.2.255\n        /32 link BROADCAST\n",
  });
  t.same(routes, { defaultV4: { interface: "eno1", metric: 100 }, defaultV6: { interface: "wlp3s0", metric: 600 }, standby: [] });
  t.match(of("eno1"), { role: "wan", duplex: "full", mtuBytes: 1500, metered: undefined, partOf: undefined });
  t.match(of("wlp3s0"), { role: "wan", duplex: undefined, wireless: true });
  t.match(of("eno1.7"), { kind: "virtual", parent: "eno1", role: undefined });
  t.same(of("eno1")?.addresses, [
    { family: 4, address: "192.0.2.2", prefixLength: 24, scope: "global" },
    { family: 6, address: "2001:db8::2", prefixLength: 64, scope: "global" },
  ]);
  t.match(of("lo")?.addresses, [
    { address: "127.0.0.1", scope: "loopback" },
    { address: "::1", prefixLength: 128 },
  ]);
  t.same(of("wlp3s0")?.addresses, []);
  t.equal(uplinkMetered(interfaces, routes), undefined, "nothing tells, which is not no");
  t.notMatch(JSON.stringify([interfaces, routes]), /02:00|fe80|192\.0\.2\.1"/, "no hardware address, no gateway");
});

/** SYNTHETIC, after OpenWrt's documents: a router whose way out is a modem. */
const LTE: Readonly<Record<string, Node>> = {
  ...interfaceNodes("br-lan", { "bridge/stp_state": "0\n", lower_eth0: { link: "../eth0" } }),
  ...interfaceNodes("eth0", { master: { link: "../br-lan" } }, "../../18000000.ethernet"),
  ...interfaceNodes("eth1", { operstate: "down\n", duplex: "full\n" }, "../../15100000.ethernet"),
  ...interfaceNodes("wwan0", { type: "65534\n", uevent: "DEVTYPE=wwan\nINTERFACE=wwan0\n" }, "../../../1-1:1.4"),
  "/etc/config/network": `config interface 'lan'\n\toption device 'br-lan'\n\toption proto 'static'\nconfig interface 'wan'\n\toption device 'eth1'\n\toption proto 'dhcp'\nconfig interface 'modem'\n\toption device '/dev/cdc-wdm0'\n\toption proto 'qmi'\n\toption pincode '0000'\n`,
  "/proc/net/route": `${TABLE_HEAD}${route("wwan0", 0)}`,
};

test("a router on a modem", async (t) => {
  const { interfaces, routes, of } = await networkOf(LTE);
  t.same(
    interfaces.map(({ name, kind, role, partOf, metered }) => [name, kind, role, partOf, metered?.answer]),
    [
      ["eth0", "physical", "lan", "br-lan", undefined],
      ["eth1", "physical", "wan", undefined, undefined],
      ["wwan0", "physical", "wan", undefined, "guess-yes"],
      ["br-lan", "bridge", "lan", undefined, undefined],
    ],
    "a port is for what its bridge is for",
  );
  t.equal(of("eth1")?.duplex, undefined, "a link that is down agreed on nothing");
  t.equal(of("br-lan")?.parent, undefined);
  t.equal(of("eth0")?.addresses, undefined, "files that are not there say nothing");
  t.match(uplinkMetered(interfaces, routes), { answer: "guess-yes", why: "wwan0 is a cellular interface" });
});

test("a way out that hides what is beneath it", async (t) => {
  const tunnel = await networkOf({
    ...LTE,
    ...interfaceNodes("wg0", { type: "65534\n", operstate: "unknown\n", carrier: "1\n" }),
    "/proc/net/route": `${TABLE_HEAD}${route("wg0", 0)}`,
  });
  t.equal(uplinkMetered(tunnel.interfaces, tunnel.routes)?.answer, "guess-yes", "behind a tunnel may be the modem");
  const wired = await networkOf({ ...LTE, "/proc/net/route": `${TABLE_HEAD}${route("br-lan", 0)}` });
  t.equal(wired.of("br-lan")?.role, "lan", "the owner's word comes before the route's");
  t.equal(uplinkMetered(wired.interfaces, wired.routes), undefined);
});

test("what tells that traffic costs", (t) => {
  const traits = { name: "eth0", deviceType: undefined, driver: undefined, protocol: undefined, configured: undefined };
  const answer = (changes: object) => judgeMetered({ ...traits, ...changes })?.answer;
  t.equal(answer({}), undefined);
  t.equal(answer({ protocol: "dhcp" }), undefined);
  for (const protocol of ["qmi", "mbim", "ncm", "modemmanager", "3g", "wwan"])
    t.equal(answer({ protocol }), "guess-yes", protocol);
  t.equal(answer({ name: "wwan0" }), "guess-yes");
  t.equal(answer({ name: "usb0" }), "guess-yes");
  t.equal(answer({ name: "enx020000000001", driver: "rndis_host" }), "guess-yes");
  t.equal(answer({ name: "wwan0", configured: "no" }), "no", "the owner's word comes first");
  t.equal(answer({ configured: "yes" }), "yes");
  t.end();
});

test("NetworkManager's connections", async (t) => {
  const file = (metered: string) =>
    `[connection]\nid=x\ninterface-name=wlan0\nmetered=${metered}\n\n[wifi-security]\npsk=do not keep me\n`;
  t.same(parseConnection(file("1")), { interface: "wlan0", metered: "yes" });
  t.same(parseConnection(file("2")), { interface: "wlan0", metered: "no" });
  for (const text of [file("0"), file("constructor"), "[connection]\nmetered=1\n", "[wifi]\ninterface-name=a\nmetered=1\n", ""]) {
    t.equal(parseConnection(text), undefined);
  }
  const directory = "/etc/NetworkManager/system-connections";
  const wlan = interfaceNodes("wlan0", {});
  const { of } = await networkOf({
    ...wlan,
    [`${directory}/a.nmconnection`]: file("2"),
    [`${directory}/b.nmconnection`]: file("1"),
  });
  t.match(of("wlan0")?.metered, { answer: "yes" }, "of two, the one that costs");
  const denied = await networkOf({ ...wlan, [`${directory}/a.nmconnection`]: { fault: "denied" } });
  t.equal(denied.of("wlan0")?.metered, undefined);
});

test("routing tables", async (t) => {
  t.match(parseIpv4Routes(route("eth0", 5, ["0064A8C0", "00FFFFFF"])), [
    { network: 0xc0a86400, prefixLength: 24, hasGateway: false, metric: 5 },
  ]);
  t.same(parseIpv4Routes(route("eth0", 0, ["C0A86400", "FFFFFF00"])), [], "a mask that is none: another byte order");
  t.same(parseIpv4Routes(route("eth0", 0, undefined, 2)), [], "a route that is down");
  t.equal(parseIpv4Routes(route("eth0", 1).repeat(10_000)).length, 4096);
  t.same(
    parseIpv6Defaults(`${HEX0} 00 ${HEX0} 00 ${HEX0} ffffffff 00000001 00000000 00200200       lo\n`),
    [],
    "the one that rejects",
  );
  const routesOf = (nodes: Record<string, Node>) => readRoutes(makeSimHost(makeTree(nodes)));
  t.match(await routesOf({}), { kind: "absent" });
  t.match(await routesOf({ "/proc/net/route": { fault: "denied" } }), { kind: "failed" });
  t.match(await routesOf({ "/proc/net/route": TABLE_HEAD }), {
    kind: "found",
    value: { defaultV4: undefined, defaultV6: undefined },
  });
  const three = `${TABLE_HEAD}${route("c", 30)}${route("a", 10)}${route("b", 20)}`;
  t.match(await routesOf({ "/proc/net/route": three }), { value: { defaultV4: { interface: "a" }, standby: ["c", "b"] } });
});

test("addresses and who can reach them", (t) => {
  const trie = (...addresses: string[]) => addresses.map((address) => `     |-- ${address}\n        /32 host LOCAL\n`).join("");
  const table = TABLE_HEAD + route("a", 0, ["0064A8C0", "00FFFFFF"]) + route("b", 0, ["0000A8C0", "0000FFFF"]);
  t.same(
    [...parseInet4(trie("192.168.100.7", "192.168.7.7", "198.51.100.1"), table)],
    [
      ["a", [{ family: 4, address: "192.168.100.7", prefixLength: 24, scope: "private" }]],
      ["b", [{ family: 4, address: "192.168.7.7", prefixLength: 16, scope: "private" }]],
    ],
  );
  const twice = table + route("c", 0, ["0064A8C0", "00FFFFFF"]);
  t.same([...parseInet4(trie("192.168.100.7"), twice)], [], "two interfaces with one network: the files do not say whose it is");
  const scopes = (...addresses: string[]) => {
    const networks = ["000000A9", "00000064", "0000000A", "000000AC"]
      .map((network) => route("x", 0, [network, "000000FF"]))
      .join("");
    return parseInet4(trie(...addresses), networks)
      .get("x")
      ?.map((facts) => facts.scope);
  };
  t.same(scopes("169.254.1.1", "100.64.0.1", "100.128.0.1", "10.1.2.3", "172.31.0.1", "172.32.0.1"), [
    "link-local",
    "shared",
    "global",
    "private",
    "private",
    "global",
  ]);
  const six = (digits: string) => parseInet6(`${digits} 02 40 20 80   eth0\n`).get("eth0")?.[0];
  t.match(six("fe800000000000000000000000000001"), { address: "fe80::1", scope: "link-local", prefixLength: 64 });
  t.match(six("fd00000000000000000000000000000a"), { address: "fd00::a", scope: "private" });
  t.match(six("20010db8000000000001000000000001"), { address: "2001:db8::1:0:0:1", scope: "global" });
  t.match(six("20010db8000100020003000400050006"), { address: "2001:db8:1:2:3:4:5:6" });
  t.match(six("fe8000000000000000fc00fffe000001"), { address: undefined, scope: "link-local" }, "made of the hardware address");
  t.equal(six("xyz"), undefined);
  t.equal([...parseInet6(`${"2".repeat(32)} 02 40 00 80 eth0\n`.repeat(5000)).values()].flat().length, 256);
  t.end();
});
