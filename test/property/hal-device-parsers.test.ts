/**
 * The parsers of disks, file systems, links, OpenWrt's files and drivers over random text, half of it made of the words that these
 * files use: none throws, and what they answer keeps to its limits. fast-check prints the seed and the smallest case of a failure;
 * BONUS_SEED replays it.
 */
import { isIPv4, isIPv6 } from "node:net";
import fc from "fast-check";
import { test } from "tap";
import { parseInet4, parseInet6 } from "../../hal/probes/addresses.ts";
import { parseEmmcWear, parseProcMtd } from "../../hal/probes/flash.ts";
import { parseConnection } from "../../hal/probes/metered.ts";
import { parseMountinfo } from "../../hal/probes/mounts.ts";
import { parseNvidiaModel, parseNvidiaVersion } from "../../hal/probes/nvidia.ts";
import { countFeeds, parseOpenwrtRelease } from "../../hal/probes/openwrt.ts";
import { parseIpv4Routes, parseIpv6Defaults } from "../../hal/probes/routes.ts";
import { parseUci } from "../../hal/probes/uci.ts";
import { planLinks } from "../../hal/probes/uci-networks.ts";
import { chooseVolumes, kindOfRoot } from "../../hal/probes/volumes.ts";
import { seed } from "../sim/random-text.ts";

const RUNS = { numRuns: 500, seed };

const WORDS = [
  'mtd0: 00040000 00010000 "u-boot"\n',
  'mtd1: ffffffffffffffff 1 ""\n',
  "0x01 0x0b\n",
  "eth0\t00000000\t010200C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n",
  "eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n",
  `${"0".repeat(32)} 00 ${"0".repeat(32)} 00 ${"f".repeat(32)} ffffffff 00000001 00000000 00000003 eth0\n`,
  "fe800000000000000000000000000001 02 40 20 80     eth0\n",
  "     |-- 192.0.2.2\n        /32 host LOCAL\n",
  "     |-- 999.0.2.2\n        /32 host LOCAL\n",
  "27 1 7:0 / / rw - overlay overlay rw,upperdir=/x\n",
  "28 1 7:0 / /a ro - squashfs x ro\n",
  "config interface 'wan'\n",
  "\toption device '@wan'\n",
  '\toption proto "qmi"\n',
  "\tlist network 'wan'\n",
  "config zone\n\toption name wan\n",
  "[connection]\n",
  "interface-name=wwan0\nmetered=1\n",
  "src/gz a https://x\n",
  "DISTRIB_ID='OpenWrt'\n",
  "Model: \t\t X\n",
  "NVRM version: NVIDIA UNIX x86_64 Kernel Module  1.2.3  x\n",
  "'",
  '"',
  "\u0000",
  "\n",
];
const text = fc
  .array(fc.oneof(fc.constantFrom(...WORDS), fc.string({ unit: "binary", maxLength: 20 })), { maxLength: 30 })
  .map((parts) => parts.join(""));

const ALL = { has: () => true } as unknown as ReadonlySet<string>;

test("no text breaks a parser of devices", (t) => {
  t.comment(`seed ${seed}`);
  fc.assert(
    fc.property(text, text, (one, other) => {
      parseNvidiaModel(one);
      parseOpenwrtRelease(one);
      const wear = parseEmmcWear(one, other);
      const routes = parseIpv4Routes(one);
      const connection = parseConnection(one);
      return (
        parseProcMtd(one).every((part) => Number.isSafeInteger(part.sizeBytes)) &&
        (wear?.usedPercentAtLeast ?? 0) <= 100 &&
        (wear?.usedPercentAtMost ?? 0) <= 100 &&
        routes.every((route) => route.network < 2 ** 32 && route.prefixLength <= 32 && route.interface.length <= 15) &&
        parseIpv6Defaults(one).every((route) => Number.isSafeInteger(route.metric)) &&
        parseUci(one, ALL).length <= 512 &&
        [...planLinks(one, other)].every(([name, plan]) => name.length < 400 && [undefined, "wan", "lan"].includes(plan.role)) &&
        countFeeds(one, "opkg") + countFeeds(one, "apk") <= 2 * one.length + 2 &&
        (connection === undefined || connection.metered === "yes" || connection.metered === "no") &&
        (parseNvidiaVersion(one)?.length ?? 0) < 32
      );
    }),
    RUNS,
  );
  t.pass();
  t.end();
});

test("an address is one, and belongs to an interface", (t) => {
  fc.assert(
    fc.property(text, text, (one, other) => {
      const four = [...parseInet4(one, other).values()].flat();
      const six = [...parseInet6(one).values()].flat();
      return (
        four.every((facts) => isIPv4(facts.address ?? "") && facts.prefixLength <= 32) &&
        six.every((facts) => (facts.address === undefined || isIPv6(facts.address)) && facts.prefixLength <= 128) &&
        four.length <= 256 &&
        six.length <= 256
      );
    }),
    RUNS,
  );
  t.pass();
  t.end();
});

test("an IPv4 route comes back as it was written", (t) => {
  const route = fc.record({
    address: fc.nat(2 ** 32 - 1),
    prefixLength: fc.integer({ min: 0, max: 32 }),
    metric: fc.nat(2 ** 31),
  });
  const hex = (value: number): string =>
    (value.toString(16).padStart(8, "0").match(/../g) ?? []).reverse().join("").toUpperCase();
  fc.assert(
    fc.property(route, ({ address, prefixLength, metric }) => {
      const mask = 2 ** 32 - 2 ** (32 - prefixLength);
      const network = Math.floor(address / 2 ** (32 - prefixLength)) * 2 ** (32 - prefixLength);
      const [parsed] = parseIpv4Routes(`eth0\t${hex(network)}\t00000000\t0001\t0\t0\t${metric}\t${hex(mask)}\t0\t0\t0\n`);
      return (
        parsed?.network === network && parsed.prefixLength === prefixLength && parsed.metric === metric && !parsed.hasGateway
      );
    }),
    RUNS,
  );
  t.pass();
  t.end();
});

test("volumes are bounded, and each file system is named once", (t) => {
  const line = fc
    .record({
      major: fc.constantFrom(0, 7, 8),
      minor: fc.nat(300),
      point: fc.constantFrom("/", "/a", "/a/b", "/dev/shm", "/x\\040y"),
      part: fc.constantFrom("/", "/sub"),
      type: fc.constantFrom("ext4", "squashfs", "overlay", "tmpfs", "proc", "nfs4", "rootfs"),
      mode: fc.constantFrom("rw", "ro"),
    })
    .map(
      ({ major, minor, point, part, type, mode }) =>
        `1 2 ${major}:${minor} ${part} ${point}${minor} ${mode} - ${type} src ${mode}\n`,
    );
  fc.assert(
    fc.property(fc.array(line, { maxLength: 300 }), (lines) => {
      const mounts = parseMountinfo(lines.join(""));
      const chosen = chooseVolumes(mounts);
      mounts.map(kindOfRoot);
      return chosen.length <= 64 && new Set(chosen.map((mount) => mount.deviceNumber)).size === chosen.length;
    }),
    RUNS,
  );
  t.pass();
  t.end();
});
