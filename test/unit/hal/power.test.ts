/** Power supplies, clocks, watchdogs and trusted platform modules. */
import fc from "fast-check";
import { test } from "tap";
import { known } from "../../../hal/probe-result.ts";
import { readClocks } from "../../../hal/probes/clocks.ts";
import { readTpm, readWatchdogs } from "../../../hal/probes/guards.ts";
import { isOnBattery, type PowerSupply, readPower } from "../../../hal/probes/power.ts";
import { makeSimHost, makeTree, type Node } from "../../sim/machine-tree.ts";

function hostOf(nodes: Readonly<Record<string, Node>>) {
  return makeSimHost(makeTree(nodes));
}

function supply(name: string, attributes: Readonly<Record<string, string>>): Record<string, Node> {
  return Object.fromEntries(
    Object.entries(attributes).map(([key, value]) => [`/sys/class/power_supply/${name}/${key}`, `${value}\n`]),
  );
}

test("a laptop on mains and on its battery", async (t) => {
  const charging = hostOf({
    ...supply("AC", { type: "Mains", online: "1" }),
    ...supply("BAT0", { type: "Battery", capacity: "81", status: "Charging", serial_number: "SECRET" }),
  });
  t.same(await readPower(charging), {
    kind: "found",
    value: {
      onBattery: false,
      supplies: [
        { name: "AC", type: "Mains", online: true, capacityPercent: undefined, status: undefined },
        { name: "BAT0", type: "Battery", online: undefined, capacityPercent: 81, status: "Charging" },
      ],
    },
  });
  const draining = hostOf({
    ...supply("AC", { type: "Mains", online: "0" }),
    ...supply("BAT0", { type: "Battery", capacity: "255", status: "Unknown" }),
  });
  t.match(await readPower(draining), {
    value: { onBattery: true, supplies: [{}, { capacityPercent: undefined, status: undefined }] },
  });
});

test("batteries of other things are not this machine's", async (t) => {
  const mouse = supply("hidpp_battery_0", { type: "Battery", scope: "Device", status: "Discharging" });
  const headset = supply("hid-00:1f:20:aa:bb:cc-battery", { type: "Battery", status: "Discharging" });
  t.same(await readPower(hostOf({ ...mouse, ...headset })), { kind: "absent", why: "no power supply is described" });
  t.equal(known(await readPower(hostOf({ ...mouse, ...supply("AC", { type: "Mains", online: "1" }) })))?.onBattery, false);
  t.match(await readPower(hostOf({})), { kind: "absent" });
});

test("whether it lives on a battery is unknown where nothing tells", (t) => {
  const of = (...supplies: Partial<PowerSupply>[]): boolean | undefined =>
    isOnBattery(
      supplies.map((given) => ({
        name: "x",
        type: undefined,
        online: undefined,
        capacityPercent: undefined,
        status: undefined,
        ...given,
      })),
    );
  t.equal(of(), undefined);
  t.equal(of({ type: "Battery" }), undefined);
  t.equal(of({ type: "Battery", status: "Full" }), undefined);
  t.equal(of({ type: "Mains", online: false }), undefined, "it runs, so something else feeds it");
  t.equal(of({ type: "Mains" }, { type: "Battery" }), undefined);
  t.equal(of({ type: "USB", online: true }, { type: "Battery", status: "Discharging" }), false);
  t.equal(of({ type: "UPS", status: "Discharging" }), true);
  t.equal(of({ type: "USB", online: false }, { type: "Battery", status: "Charging" }), false);
  t.equal(of({ type: "Mains", online: false }, { type: "Battery", status: "Full" }), true);
  t.end();
});

test("without a word on what is plugged in, no machine is said to live on a battery", (t) => {
  const silent = fc.record({
    name: fc.string(),
    type: fc.option(fc.constantFrom("Mains", "Battery", "USB", "UPS", "Wireless", "BMS"), { nil: undefined }),
    online: fc.constant(undefined),
    capacityPercent: fc.option(fc.nat(100), { nil: undefined }),
    status: fc.option(fc.constantFrom("Full", "Not charging"), { nil: undefined }),
  });
  fc.assert(fc.property(fc.array(silent), (supplies) => isOnBattery(supplies) === undefined));
  const any = fc.array(fc.record({ ...silentShape, online: fc.constantFrom(true, false, undefined) }));
  fc.assert(
    fc.property(any, (supplies) => {
      const isFed = supplies.some(({ type, online }) => online === true && (type === "Mains" || type === "USB"));
      return !isFed || isOnBattery(supplies) === false;
    }),
  );
  t.end();
});

const silentShape = {
  name: fc.string(),
  type: fc.constantFrom("Mains", "Battery", "USB", "UPS", undefined),
  capacityPercent: fc.constant(undefined),
  status: fc.constantFrom("Charging", "Discharging", "Full", undefined),
};

test("clocks that go on without power, and the counter", async (t) => {
  const facts = await readClocks(
    hostOf({
      "/sys/class/rtc/rtc0/name": "rtc-ds1307 1-0068\n",
      "/sys/class/rtc/rtc0/hctosys": "1\n",
      "/sys/class/rtc/rtc1/hctosys": "0\n",
      "/sys/class/rtc/rtc2/hctosys": "maybe\n",
      "/sys/devices/system/clocksource/clocksource0/current_clocksource": "arch_sys_counter\n",
    }),
  );
  t.same(facts, {
    kind: "found",
    value: {
      realTimeClocks: [
        { name: "rtc-ds1307 1-0068", setSystemTime: true },
        { name: undefined, setSystemTime: false },
        { name: undefined, setSystemTime: undefined },
      ],
      clockSource: "arch_sys_counter",
    },
  });
  t.same(await readClocks(hostOf({})), { kind: "found", value: { realTimeClocks: [], clockSource: undefined } });
});

test("watchdogs are looked at, never opened", async (t) => {
  const paths: string[] = [];
  const host = hostOf({
    "/sys/class/watchdog/watchdog0/identity": "Broadcom BCM2835 Watchdog timer\n",
    "/sys/class/watchdog/watchdog0/timeout": "15\n",
    "/sys/class/watchdog/watchdog0/state": "inactive\n",
    "/sys/class/watchdog/watchdog1/dev": "251:1\n",
    "/dev/watchdog": "a read would start it",
  });
  const watching = { ...host, readText: (path: string, max: number) => host.readText(paths[paths.push(path) - 1] ?? path, max) };
  t.same(await readWatchdogs(watching), {
    kind: "found",
    value: [
      { name: "watchdog0", identity: "Broadcom BCM2835 Watchdog timer", timeoutMs: 15_000, active: false },
      { name: "watchdog1", identity: undefined, timeoutMs: undefined, active: undefined },
    ],
  });
  t.ok(paths.every((path) => path.startsWith("/sys/class/watchdog/")));
  t.match(await readWatchdogs(hostOf({})), { kind: "absent" });
});

test("a trusted platform module", async (t) => {
  const nodes = {
    "/sys/class/tpm/tpm0/tpm_version_major": "2\n",
    "/sys/class/tpm/tpm0/device/description": "TPM 2.0 Device\n",
  };
  t.same(await readTpm(hostOf(nodes)), { kind: "found", value: { majorVersion: 2, description: "TPM 2.0 Device" } });
  t.match(await readTpm(hostOf({ "/sys/class/tpm/tpm0/dev": "10:224\n" })), {
    kind: "found",
    value: { majorVersion: undefined },
  });
  t.match(await readTpm(hostOf({ "/sys/class/tpm/tpmrm0/dev": "" })), { kind: "absent" });
});
