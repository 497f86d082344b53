/**
 * A captured machine answers as the machine did, and gives nothing away: round trips of whole machines, a machine full of secrets of
 * which none may be left, and captures written by somebody hostile.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { hostname, networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { type Test, test } from "tap";
import { makeSystemClock } from "../../../base/index.ts";
import { captureMachine } from "../../../hal/captures/capture.ts";
import { type CaptureEntry, formatCapture, parseCapture } from "../../../hal/captures/capture-format.ts";
import { makeStandIns } from "../../../hal/captures/capture-names.ts";
import { scrubCapture } from "../../../hal/captures/capture-scrub.ts";
import { captureThisMachine, type Host, loadCapture, type MachineFacts, readCapture, readFacts } from "../../../hal/index.ts";
import { loadTree, makeSimHost, makeTree, type Node, withNodes } from "../../sim/machine-tree.ts";
import { seed } from "../../sim/random-text.ts";
import { makeStillClock } from "../../sim/still-clock.ts";

const FIXTURES = fileURLToPath(new URL("../../fixtures/boards", import.meta.url));
const DATA = "/var/lib/bonusnode";

async function capture(host: Host, privateWords: readonly string[] = [], dataDirectory = DATA): Promise<string> {
  const captured = await captureMachine({ host, clock: makeStillClock() }, { dataDirectory, privateWords });
  if (!captured.ok) throw captured.error;
  return captured.value;
}

/** Facts as JSON carries them, read from a capture or a host. */
async function factsOf(source: string | Host): Promise<MachineFacts> {
  const read = typeof source === "string" ? readCapture(source) : undefined;
  if (read !== undefined && !read.ok) throw read.error;
  const host = read?.value.host ?? (source as Host);
  const facts = await readFacts({ host, clock: makeStillClock() }, { dataDirectory: read?.value.dataDirectory ?? DATA });
  return JSON.parse(JSON.stringify(facts)) as MachineFacts;
}

/** The facts that a capture keeps back or renames: addresses, and the names of mounts, programs and pools. */
function withoutScrubbed(facts: MachineFacts): unknown {
  const scrubbed = new Set(["addresses", "init", "mountPoint", "path"]);
  return JSON.parse(JSON.stringify(facts), (key, value) => (scrubbed.has(key) && typeof value !== "number" ? undefined : value));
}

const boards = readdirSync(FIXTURES).filter((entry) => statSync(join(FIXTURES, entry)).isDirectory());

for (const name of boards) {
  test(`${name}: a capture gives the same facts`, async (t) => {
    const host = makeSimHost(loadTree(join(FIXTURES, name)));
    const text = await capture(host);
    t.same(withoutScrubbed(await factsOf(text)), withoutScrubbed(await factsOf(host)));
    t.equal(await capture(host), text, "the same machine, the same capture");
  });
}

const USB = "pci0000:00/0000:00:14.0/usb1/1-1/1-1.4";

/** Everything here that contains SECRET or stands in SECRETS must be gone. */
const SECRETIVE: Readonly<Record<string, Node>> = {
  "/proc/cpuinfo": "processor\t: 0\nmodel name\t: ARMv8\nfpu\t: yes\n\nSerial\t\t: 00000000deadbeef\n",
  "/proc/1/comm": "SECRET-init\n",
  "/proc/self/cgroup": `4:memory:/docker/${"0123456789abcdef".repeat(4)}/SECRET\n1:cpu,cpuacct:/user.slice/SECRET.service\n0::/\n`,
  "/proc/self/mountinfo": [
    "20 1 8:1 / / rw - ext4 /dev/sda1 rw,errors=remount-ro",
    "21 20 0:40 / /home/SECRET/My\\040SECRET rw,nosuid - nfs4 SECRET.example.org:/export/SECRET rw,clientaddr=198.51.100.7,addr=203.0.113.9",
    "22 20 253:0 / /srv rw - ext4 /dev/mapper/SECRET--vg-root rw",
    "23 20 0:41 / /mnt/SECRET rw - zfs SECRET/pool rw,xattr",
    "24 20 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct",
    "25 20 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory",
    "26 20 0:50 / /media/SECRET/12AB-34CD rw - vfat /dev/sdb1 rw,uid=1000,iocharset=SECRET\n",
  ].join("\n"),
  "/sys/fs/cgroup/cpu,cpuacct/user.slice/SECRET.service/cpu.cfs_quota_us": "50000\n",
  "/sys/fs/cgroup/cpu,cpuacct/user.slice/SECRET.service/cpu.cfs_period_us": "100000\n",
  "/proc/self/status": "Name:\tSECRET\nUid:\t1000\nCpus_allowed:\t1\nCpus_allowed_list:\t0\n",
  "/proc/self/maps": "7f0000001000-7f0000002000 r-xp 0 08:01 4711 /home/SECRET/.nix/libc.so.6\n7f00 rw-p 0 0:0 0 [SECRET]\n",
  "/proc/swaps": "Filename\tType\tSize\tUsed\tPriority\n/home/SECRET/swapfile\tfile\t1024\t0\t-2\n",
  "/proc/net/route":
    "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\nSECRET0\t00000000\t017AA8C0\t0003\t0\t0\t100\t00000000\nSECRET0\t007AA8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\n",
  "/proc/net/fib_trie": "Local:\n     |-- 192.168.122.7\n        /32 host LOCAL\n",
  "/proc/net/if_inet6": "20010db8aaaabbbbccccddddeeeeffff 02 40 00 80 SECRET0\n",
  "/proc/sys/kernel/osrelease": "6.1.0-21-amd64\n",
  "/proc/sys/kernel/hostname": "SECRET\n",
  "/etc/os-release": 'PRETTY_NAME="Debian 12"\nMACHINE_OWNER="SECRET"\nHOME_URL="https://SECRET.example"\n',
  "/etc/machine-id": "SECRET\n",
  "/etc/NetworkManager/system-connections/SECRET wifi.nmconnection":
    "[connection]\nid=SECRET\nuuid=11111111-2222-3333-4444-555555555555\ninterface-name=SECRET0\nmetered=1\n[wifi-security]\npsk=SECRET\n",
  "/etc/config/network":
    "config interface 'wan'\n\toption device 'SECRET0'\n\toption proto 'pppoe'\n\toption username 'SECRET'\n\toption password 'SECRET'\nconfig wireguard_SECRET\n\toption guardedkey 'SECRET'\n\toption device 'SECRET'\n",
  "/etc/config/firewall":
    "config rule\n\toption name 'SECRET'\nconfig zone\n\toption name 'wan'\n\tlist network 'wan'\n\toption comment 'SECRET'\n",
  "/sys/class/net/SECRET0/type": "1\n",
  "/sys/class/net/SECRET0/operstate": "up\n",
  "/sys/class/net/SECRET0/uevent": "INTERFACE=SECRET0\nDEVTYPE=wwan\n",
  "/sys/class/net/SECRET0/address": "02:00:00:aa:bb:cc\n",
  "/sys/class/net/enx0200deadbeef/type": "1\n",
  "/sys/class/power_supply/hid-02:00:00:aa:bb:cc-battery/type": "Battery\n",
  "/sys/class/power_supply/BAT0/serial_number": "SECRET\n",
  "/sys/class/power_supply/BAT0/type": "Battery\n",
  "/sys/class/dmi/id/sys_vendor": "Example\n",
  "/sys/class/dmi/id/product_serial": "SECRET\n",
  "/sys/class/hidraw/hidraw0": { link: `../../devices/${USB}/1-1.4:1.2/0003:239A:0013.0007/hidraw/hidraw0` },
  [`/sys/devices/${USB}/1-1.4:1.2/0003:239A:0013.0007/hidraw/hidraw0/device`]: { link: "../.." },
  [`/sys/devices/${USB}/1-1.4:1.2/0003:239A:0013.0007/uevent`]:
    "HID_ID=0003:0000239A:00000013\nHID_NAME=Ada's Keyboard\nHID_PHYS=02:00:00:aa:bb:cc\nHID_UNIQ=SECRET\n",
  [`/sys/devices/${USB}/serial`]: "SECRET\n",
  "/home/SECRET/file": "",
};

const SECRETS =
  /SECRET|deadbeef|0123456789abcdef|aa:bb:cc|198\.51\.100|203\.0\.113|192\.168|017AA8C0|007AA8C0|aaaabbbb|11111111-2222|12AB-34CD|\bada\b|4711/i;

test("a machine full of secrets gives none away", async (t) => {
  const size = { realPath: "/home/SECRET/data", totalBytes: 2 ** 40, freeBytes: 2 ** 39 };
  const host = makeSimHost(makeTree(SECRETIVE, { "/home/SECRET/data": size, "/": { ...size, realPath: "/" } }));
  const text = await capture(host, ["ada"], "/home/SECRET/data/bonusnode");
  const lines = text.split("\n").filter((line) => SECRETS.test(line));
  t.same(lines, []);
  const facts = await factsOf(text);
  t.match(facts.cpu, { kind: "found", value: { quotaMilliCpus: 500 } }, "a quota in a group with a private name is found");
  t.match(facts.volume, { kind: "found", value: { freeBytes: 2 ** 39 } });
  t.match(facts.hidDevices, { value: [{ path: "usb-1-1.4:1.2", product: "private's Keyboard" }] });
  t.match(facts.platform, { kind: "found", value: { operatingSystem: "Debian 12" } });
  t.notMatch(JSON.stringify(facts), SECRETS);
});

test("files that no rule knows are left out, and the capture says so", async (t) => {
  const asked = (path: string): CaptureEntry => ({ ask: "file", path, outcome: "found", text: "SECRET\n" });
  const guarded = [
    "/etc/shadow",
    "/proc/kcore",
    "/home/ada/.ssh/id_ed25519",
    "/sys/class/net/eth0/address",
    "/sys/class/dmi/id/board_serial",
  ];
  const { entries, leftOut } = scrubCapture(DATA, [...guarded, "/sys/block/sda/size"].map(asked), []);
  t.same(leftOut, [...guarded].sort());
  t.same(
    entries.map(({ path }) => path),
    ["/sys/block/sda/size"],
  );
  for (const name of boards) {
    const text = await capture(makeSimHost(loadTree(join(FIXTURES, name))));
    t.notMatch(text, /left out/, `${name}: every file that a probe reads has a rule`);
  }
});

test("stand-ins keep what is equal equal, and shapes as they were", (t) => {
  const names = makeStandIns(["ada", "c++"]);
  t.equal(names.forText("02:00:00:AA:BB:CC and 02:00:00:aa:bb:cc"), "00:00:00:00:00:01 and 00:00:00:00:00:01");
  t.equal(names.forText("11111111-2222-3333-4444-555555555555"), "00000000-0000-0000-0000-000000000002");
  t.equal(names.forText("at 198.51.100.7 and fe80::1ff:fe23:4567:890a"), "at 192.0.2.1 and 2001:db8::1");
  t.equal(names.forWords("Ada's c++, adamant"), "private's private, adamant");
  for (const text of [
    "127.0.0.1",
    "0000:00:14.0",
    "usb-1-1.4.2.1:1.0",
    "pci0000:00/0000:00:1f.2/ata1",
    "9223372036854771712",
    "fe201000.serial:0.0",
    "soc@107c000000:firmware",
    "0003:239A:0013.0007",
    "version 5.15.0-105.1.2",
    "::",
  ]) {
    t.equal(names.forText(text), text);
  }
  for (const name of [
    "lo",
    "eth0",
    "eth0.2",
    "enp3s0f1",
    "wlp2s0",
    "br-lan",
    "lan1",
    "wan",
    "wwan0",
    "phy0-ap0",
    "wg0",
    "usb0",
    "wan6",
  ]) {
    t.equal(names.forInterface(name), name);
  }
  t.equal(names.forInterface("ada-vpn"), "net1");
  t.equal(names.forInterface("wlan0-ada"), "net2");
  t.equal(names.forInterface("enx0200deadbeef"), "enx000000000003");
  t.equal(names.forPath("/home/ada/data"), "/home/name-1/data");
  t.equal(names.forPath("/mnt/ada"), "/mnt/name-1");
  t.end();
});

test("no address in any text survives", (t) => {
  const byte = fc.integer({ min: 0, max: 255 });
  const hex = (value: number): string => value.toString(16).padStart(2, "0");
  const address = fc.oneof(
    fc.array(byte, { minLength: 6, maxLength: 6 }).map((bytes) => bytes.map(hex).join(":")),
    fc.ipV4().filter((text) => !/^(127\.|0\.0\.0\.0$|255\.255\.|192\.0\.2\.)/.test(text)),
    fc.uuid(),
    fc.ipV6().filter((text) => !/^:?:1?$|\./.test(text) && text.length > 4),
  );
  const around = fc.constantFrom(" ", "\n", "=", "(", '"', "\t", ",", "/");
  fc.assert(
    fc.property(address, around, around, (secret, before, after) => {
      const scrubbed = makeStandIns([]).forText(`x${before}${secret}${after}y`);
      // One in billions is its own stand-in.
      t.ok(!scrubbed.includes(secret) || /^[0:.-]*[0-9]{0,2}$/.test(secret), JSON.stringify([secret, scrubbed]));
    }),
  );
  t.end();
});

const entry: fc.Arbitrary<CaptureEntry> = fc.oneof(
  fc.record({
    ask: fc.constant("file" as const),
    path: fc.string({ unit: "binary", maxLength: 20 }).map((text) => `/${text.replaceAll("\0", "")}`),
    outcome: fc.constantFrom("found", "absent", "denied", "unreadable", "timeout"),
    text: fc.string({ unit: "binary" }),
  }),
  fc.record({
    ask: fc.constant("list" as const),
    path: fc.constantFrom("/a", "/b c"),
    outcome: fc.constant("found" as const),
    text: fc.uniqueArray(fc.stringMatching(/^[^/\n\0.]+$/)).map((names) => names.map((name) => `${name}\n`).join("")),
  }),
);

test("names of any characters are taken out, and text without them stays", (t) => {
  const word = fc.oneof(
    fc.string({ minLength: 3, maxLength: 20, unit: "binary" }),
    fc.constantFrom("ada's-box.home", "a[b", "x{1}", "c\\d"),
  );
  fc.assert(
    fc.property(word, (name) => {
      const { forWords } = makeStandIns([name]);
      return forWords(`/home ${name} /srv`) === "/home private /srv";
    }),
    { seed },
  );
  t.equal(makeStandIns(["ada-box"]).forWords("/home/ada-box/x ada-boxes"), "/home/private/x ada-boxes");
  t.end();
});

test("what is written is what is read", (t) => {
  fc.assert(
    fc.property(fc.uniqueArray(entry, { selector: ({ ask, path }) => `${ask} ${path}` }), (entries) => {
      const parsed = parseCapture(formatCapture(DATA, entries, ["for people"]));
      t.ok(parsed.ok);
      const byKey = (list: readonly CaptureEntry[]) => new Map(list.map((one) => [`${one.ask} ${one.path}`, one]));
      t.same(parsed.ok && byKey(parsed.value.entries), byKey(entries));
    }),
  );
  t.end();
});

function refuses(t: Test, text: string, what: RegExp): void {
  const read = readCapture(text);
  t.match(!read.ok && read.error, { code: "capture-invalid", message: what }, text.slice(0, 80));
}

test("what is no capture is refused with its line", (t) => {
  const head = "bonusnode-capture 1\ndata /d\n";
  refuses(t, "", /line 1/);
  refuses(t, "bonusnode-capture 2\ndata /d\n", /line 1/);
  refuses(t, "bonusnode-capture 1\n", /line 2/);
  refuses(t, "bonusnode-capture 1\ndata d\n", /line 2/);
  for (const heading of [
    "file relative",
    "file",
    "pipe /a",
    "file /a gone",
    "file /a absent more",
    "file /\\u{0}",
    "file /a\\x",
    "FILE /a",
  ]) {
    refuses(t, `${head}${heading}\n`, /line 3: expected file/);
  }
  refuses(t, `${head}file /${"a".repeat(5_000)}\n`, /line 3/);
  refuses(t, `${head}| text\n`, /line 3: content of nothing/);
  refuses(t, `${head}file /a\n> end\n| more\n`, /line 5: content of nothing/);
  for (const content of ["|text", "| \\", "| \\n", "| \\u{110000}", "| \u0007", "| \r", "| \u202e"])
    refuses(t, `${head}file /a\n${content}\n`, /line 4/);
  refuses(t, `${head}file /a\nfile /a\n`, /line 4: a second/);
  for (const list of ["| a/b", "| ..", "|", "> a", "| a\n| a"]) refuses(t, `${head}list /a\n${list}\n`, /line 3: the content/);
  refuses(t, `${head}link /a\n`, /line 3: the content/);
  for (const volume of ["| /", "| a\n| 1 2", "| /\n| -1 2", "| /\n| 9999999999999999 1"])
    refuses(t, `${head}volume /a\n${volume}\n`, /line 3/);
  refuses(t, `${head}${"#".repeat(17 * 1024 * 1024)}`, /characters in all/);
  t.end();
});

test("damage to a capture is refused or read, and never breaks a probe", async (t) => {
  const whole = await capture(makeSimHost(loadTree(join(FIXTURES, "synthetic-openwrt-router"))));
  const damaged = fc.tuple(fc.nat(whole.length), fc.nat(50), fc.string({ unit: "binary", maxLength: 30 }));
  await fc.assert(
    fc.asyncProperty(damaged, async ([at, removed, put]) => {
      const read = readCapture(whole.slice(0, at) + put + whole.slice(at + removed));
      if (!read.ok) return;
      const facts = await readFacts(
        { host: read.value.host, clock: makeStillClock() },
        { dataDirectory: read.value.dataDirectory },
      );
      t.notMatch(JSON.stringify(facts), /the probe broke/);
    }),
    { numRuns: 60 },
  );
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => !readCapture(`bonusnode-capture 1\ndata /d\n${text}\u0001`).ok));
});

test("why something is missing is fit for a terminal", async (t) => {
  const read = readCapture(
    "bonusnode-capture 1\ndata /d\nfile /a denied\n> \\u{1b}[2Jno\nfile /b timeout\nlist /c absent\n> nothing\n",
  );
  if (!read.ok) throw read.error;
  const { host } = read.value;
  t.same(await host.readText("/a", 1), { kind: "failed", error: { code: "denied", message: "[2Jno" } });
  t.match(await host.readText("/b", 1), { kind: "failed", error: { code: "timeout" } });
  t.same(await host.list("/c"), { kind: "absent", why: "nothing" });
  t.same(await host.readText("/none", 1), { kind: "absent", why: "/none is not there" });
});

test("a read that never returns is in the capture as one", async (t) => {
  const clock = makeStillClock();
  const tree = withNodes(loadTree(join(FIXTURES, "firecracker-vm")), { "/proc/meminfo": { fault: "hangs" } });
  const capturing = captureMachine({ host: makeSimHost(tree), clock }, { dataDirectory: DATA, privateWords: [] });
  await new Promise((resolve) => setImmediate(resolve));
  clock.elapse();
  const captured = await capturing;
  t.match(captured, { ok: true, value: /^file \/proc\/meminfo timeout$/m });
  t.match((await factsOf(captured.ok ? captured.value : "")).memory, { kind: "failed", error: { code: "timeout" } });
});

test("this machine, to a file and back", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "bonusnode-capture-"));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "this.capture");
  const clock = makeSystemClock();
  t.match(await captureThisMachine({ clock }, { path, dataDirectory: DATA, about: ["a test"] }), { ok: true });
  t.match(await captureThisMachine({ clock }, { path: join(folder, "this.capture/x"), dataDirectory: DATA }), {
    error: { code: "capture-unwritable" },
  });
  const loaded = await loadCapture(path);
  if (!loaded.ok) throw loaded.error;
  const facts = await readFacts({ host: loaded.value.host, clock: makeStillClock() }, loaded.value);
  for (const fact of ["cpu", "memory", "disks", "volume", "platform", "interfaces"] as const)
    t.equal(facts[fact].kind, "found", fact);
  const text = readFileSync(path, "utf8");
  t.match(text, /^# a test$/m);
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const own = addresses.filter(({ internal }) => !internal).flatMap(({ mac, address }) => [mac, address]);
  for (const path of ["/etc/machine-id", "/proc/sys/kernel/random/boot_id"]) {
    if (existsSync(path)) own.push(readFileSync(path, "utf8").trim());
  }
  for (const secret of own) t.notOk(text.toLowerCase().includes(secret.toLowerCase()), "an address or number of this machine");
  if (hostname().length > 5) t.notOk(text.includes(hostname()));
  t.notMatch(text, /\b(?!00:00)[0-9a-f]{2}(:[0-9a-f]{2}){5}\b/i);

  t.match(await loadCapture(join(folder, "none")), { error: { code: "capture-unreadable" } });
  writeFileSync(path, "nonsense");
  t.match(await loadCapture(path), { error: { code: "capture-invalid", message: /this\.capture: capture, line 1/ } });
});
