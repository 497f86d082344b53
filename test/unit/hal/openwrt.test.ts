/** OpenWrt's own files: release, feeds, configuration; and that the secrets in them are not kept. */
import { test } from "tap";
import { countFeeds, readOpenwrt } from "../../../hal/probes/openwrt.ts";
import { parseUci } from "../../../hal/probes/uci.ts";
import { planLinks } from "../../../hal/probes/uci-networks.ts";
import { makeSimHost, makeTree, type Node } from "../../sim/machine-tree.ts";

const RELEASE = `DISTRIB_ID='OpenWrt'
DISTRIB_RELEASE='24.10.0'
DISTRIB_REVISION='r28427-6df0e3d02a'
DISTRIB_TARGET='mediatek/filogic'
DISTRIB_ARCH='aarch64_cortex-a53'
DISTRIB_DESCRIPTION='OpenWrt 24.10.0 r28427-6df0e3d02a'
DISTRIB_TAINTS=''
`;
const MOUNTS =
  "1 0 31:9 / /rom ro - squashfs /dev/root ro\n2 1 0:19 / / rw - overlay overlayfs:/overlay rw,upperdir=/overlay/upper\n";

const openwrtOf = (nodes: Record<string, Node>) => readOpenwrt(makeSimHost(makeTree(nodes)));

test("a release, its image and its feeds", async (t) => {
  const system = await openwrtOf({
    "/etc/openwrt_release": RELEASE,
    "/proc/self/mountinfo": MOUNTS,
    "/etc/opkg/distfeeds.conf": "src/gz base https://feeds.example/base\nsrc/gz luci https://feeds.example/luci\n",
    "/etc/opkg/customfeeds.conf": "# add your custom package feeds here\n#\n# src/gz example https://feeds.example/none\n",
  });
  t.same(system, {
    distribution: "OpenWrt",
    release: "24.10.0",
    revision: "r28427-6df0e3d02a",
    target: "mediatek/filogic",
    packageArchitecture: "aarch64_cortex-a53",
    description: "OpenWrt 24.10.0 r28427-6df0e3d02a",
    imageFileSystem: "squashfs",
    packages: { manager: "opkg", feeds: 2, ownFeeds: 0 },
  });
  t.notMatch(JSON.stringify(system), /feeds\.example/, "where packages come from is not kept");
});

test("apk, another root, and systems that are none", async (t) => {
  const system = await openwrtOf({
    "/etc/openwrt_release": RELEASE,
    "/proc/self/mountinfo": "1 0 8:2 / / rw - ext4 /dev/root rw\n",
    "/etc/apk/repositories.d/distfeeds.list": "https://feeds.example/a/packages.adb\nhttps://feeds.example/b/packages.adb\n",
    "/etc/apk/repositories.d/customfeeds.list": "# none yet\nhttps://own.example/packages.adb\n",
    "/etc/opkg/distfeeds.conf": "src/gz left https://feeds.example/left\n",
  });
  t.match(system, { imageFileSystem: "ext4", packages: { manager: "apk", feeds: 2, ownFeeds: 1 } });
  t.match(await openwrtOf({ "/etc/openwrt_release": "DISTRIB_ID='ImmortalWrt'\n" }), {
    distribution: "ImmortalWrt",
    release: undefined,
    imageFileSystem: undefined,
    packages: undefined,
  });
  t.equal(await openwrtOf({}), undefined);
  t.equal(await openwrtOf({ "/etc/openwrt_release": "\n" }), undefined);
  t.equal(countFeeds("src a b\nsrc/gz a\ndest root /\n", "opkg"), 1);
});

const NETWORK = `
config interface 'loopback'
	option device 'lo'
	option proto 'static'

config device
	option name 'br-lan'
	option type 'bridge'
	list ports 'lan1'

config interface 'lan'
	option device 'br-lan'
	option proto 'static'
	option ipaddr '192.0.2.1'

config interface 'wan'
	option device "eth1"
	option proto 'pppoe'
	option username 'customer'
	option password 'do not keep me'

config interface 'wan6'
	option device '@wan'
	option proto 'dhcpv6'

config interface 'guest'
	option ifname 'eth0.3 eth0.4'
	option proto 'static'
config wireguard_vpn
	option private_key 'nor me'
`;

test("the syntax of configuration files", (t) => {
  const sections = parseUci(NETWORK, new Set(["device", "proto", "ports"]));
  t.equal(sections.length, 7);
  t.match(sections[1], { type: "device", name: undefined });
  t.same(
    [...(sections[3]?.options ?? [])],
    [
      ["device", ["eth1"]],
      ["proto", ["pppoe"]],
    ],
  );
  t.notMatch(JSON.stringify(sections.map((section) => [...section.options])), /keep me|nor me|customer/, "secrets are not kept");
  const odd =
    "option device early\nconfig zone\n  list network 'a b'\nlist network c # why\n\toption name \"it's\"\noption\nconfig\n";
  t.same(
    parseUci(odd, new Set(["network", "name", "device"])).map((section) => [...section.options]),
    [
      [
        ["network", ["a b", "c"]],
        ["name", ["it's"]],
      ],
    ],
    "before the first section, or cut short, is nothing",
  );
  t.equal(parseUci("config x\n".repeat(10_000), new Set()).length, 512);
  t.equal(parseUci(`config x\n${"list ports a\n".repeat(1000)}`, new Set(["ports"]))[0]?.options.get("ports")?.length, 64);
  t.end();
});

test("what an interface is for", (t) => {
  const plans = planLinks(NETWORK, "");
  t.match(plans.get("br-lan"), { role: "lan", protocol: "static" });
  t.match(plans.get("eth1"), { role: "wan", protocol: "pppoe" }, "wan6 on top of it changes nothing");
  t.match(plans.get("pppoe-wan"), { role: "wan", protocol: "pppoe" }, "the end of the tunnel");
  t.match(plans.get("eth0.3"), { role: undefined }, "a name that says nothing");
  t.equal(plans.get("lo"), undefined);
  const firewall =
    "config zone\n\toption name 'lan'\n\tlist network 'lan'\n\tlist network 'guest'\nconfig zone\n\toption name 'wan'\n\toption network 'uplink wan6'\n";
  const zoned = planLinks(`${NETWORK}config interface 'uplink'\n\toption device 'eth7'\n\toption proto 'dhcp'\n`, firewall);
  t.match(zoned.get("eth0.4"), { role: "lan" }, "the firewall's zone says it");
  t.match(zoned.get("eth7"), { role: "wan" });
  t.match(
    planLinks("config interface 'lan'\n\toption type 'bridge'\n\toption ifname 'eth0'\n", "").get("br-lan"),
    { role: "lan" },
    "the older syntax",
  );
  t.end();
});
