/** Temperatures, cooling and throttling: what counts, and what is left out as impossible. */
import fc from "fast-check";
import { test } from "tap";
import { known } from "../../../hal/probe-result.ts";
import { parseMilliCelsius, parseTripPoint, readThermal } from "../../../hal/probes/thermal.ts";
import { parseFirmwareFlags } from "../../../hal/probes/throttling.ts";
import { makeSimHost, makeTree, type Node } from "../../sim/machine-tree.ts";

function thermalOf(nodes: Readonly<Record<string, Node>>) {
  return readThermal(makeSimHost(makeTree(nodes)));
}

const ZONE = "/sys/class/thermal/thermal_zone0";

test("a zone with its trip points, and what cools", async (t) => {
  const facts = await thermalOf({
    [`${ZONE}/type`]: "cpu-thermal\n",
    [`${ZONE}/temp`]: "48312\n",
    [`${ZONE}/trip_point_0_type`]: "passive\n",
    [`${ZONE}/trip_point_0_temp`]: "80000\n",
    [`${ZONE}/trip_point_1_type`]: "critical\n",
    [`${ZONE}/trip_point_1_temp`]: "110000\n",
    "/sys/class/thermal/cooling_device0/type": "cpufreq-cpu0\n",
    "/sys/class/thermal/cooling_device0/cur_state": "2\n",
    "/sys/class/thermal/cooling_device0/max_state": "4\n",
  });
  t.same(facts, {
    kind: "found",
    value: {
      sensors: [
        {
          source: "zone",
          name: "cpu-thermal",
          milliCelsius: 48_312,
          trips: [
            { kind: "passive", milliCelsius: 80_000 },
            { kind: "critical", milliCelsius: 110_000 },
          ],
        },
      ],
      coolingDevices: [{ type: "cpufreq-cpu0", state: 2, maxState: 4 }],
      throttling: { coreThrottles: undefined, packageThrottles: undefined, now: undefined, sinceStart: undefined },
    },
  });
});

test("zones come in the order of their numbers, and one that is off tells no temperature", async (t) => {
  const zones = Object.fromEntries(
    [10, 9, 2].flatMap((number): [string, Node][] => [
      [`/sys/class/thermal/thermal_zone${number}/type`, `zone ${number}\n`],
      [`/sys/class/thermal/thermal_zone${number}/temp`, number === 9 ? { fault: "unreadable" } : `${number}000\n`],
    ]),
  );
  const sensors = known(await thermalOf(zones))?.sensors ?? [];
  t.same(
    sensors.map(({ name, milliCelsius }) => [name, milliCelsius]),
    [
      ["zone 2", 2000],
      ["zone 9", undefined],
      ["zone 10", 10_000],
    ],
  );
});

test("temperatures that no machine survives are unknown", (t) => {
  for (const text of ["-60001", "200001", "-274000", "4294967", "45.5", "", "cold", "0x10", undefined]) {
    t.equal(parseMilliCelsius(text), undefined, `${text}`);
  }
  t.equal(parseMilliCelsius("-60000\n"), -60_000);
  t.equal(parseMilliCelsius("200000\n"), 200_000);
  t.equal(parseMilliCelsius("0\n"), 0);
  t.equal(parseTripPoint("passive", "0\n"), undefined, "not set");
  t.equal(parseTripPoint("critical", "-274000\n"), undefined, "not set");
  t.equal(parseTripPoint("lukewarm", "40000\n"), undefined);
  t.end();
});

test("a temperature is what the file says, or unknown", (t) => {
  fc.assert(
    fc.property(fc.integer({ min: -(10 ** 10), max: 10 ** 10 }), (value) => {
      const parsed = parseMilliCelsius(`${value}\n`);
      return value >= -60_000 && value <= 200_000 ? parsed === value : parsed === undefined;
    }),
  );
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      const parsed = parseMilliCelsius(text);
      return parsed === undefined || (Number.isSafeInteger(parsed) && parsed >= -60_000 && parsed <= 200_000);
    }),
  );
  t.end();
});

test("monitors are listed unless they only repeat a zone", async (t) => {
  const facts = await thermalOf({
    "/sys/class/hwmon/hwmon0/device": { link: "../../thermal_zone0" },
    "/sys/class/hwmon/hwmon0/temp1_input": "48000\n",
    "/sys/class/hwmon/hwmon1/name": "k10temp\n",
    "/sys/class/hwmon/hwmon1/device": { link: "../../../0000:00:18.3" },
    "/sys/class/hwmon/hwmon1/temp1_input": "51000\n",
    "/sys/class/hwmon/hwmon1/temp1_label": "Tctl\n",
    "/sys/class/hwmon/hwmon1/temp1_crit": "95000\n",
    "/sys/class/hwmon/hwmon1/temp3_input": "65535000\n",
    "/sys/class/hwmon/hwmon1/fan1_input": "1200\n",
  });
  t.same(known(facts)?.sensors, [
    { source: "monitor", name: "k10temp Tctl", milliCelsius: 51_000, trips: [{ kind: "critical", milliCelsius: 95_000 }] },
    { source: "monitor", name: "k10temp", milliCelsius: undefined, trips: [] },
  ]);
});

test("how often the processor was slowed down", async (t) => {
  const counted = await thermalOf({
    "/sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count": "3\n",
    "/sys/devices/system/cpu/cpu0/thermal_throttle/package_throttle_count": "7\n",
    "/sys/devices/system/cpu/cpu1/thermal_throttle/core_throttle_count": "4\n",
    "/sys/devices/system/cpu/cpu1/thermal_throttle/package_throttle_count": "7\n",
    "/sys/devices/system/cpu/cpufreq/policy0/scaling_cur_freq": "1\n",
  });
  t.match(counted, { value: { throttling: { coreThrottles: 7, packageThrottles: 14, now: undefined } } });

  const none = { underVoltage: false, frequencyCapped: false, throttled: false, softTemperatureLimit: false };
  const older = await thermalOf({ "/sys/devices/platform/soc/soc:firmware/get_throttled": "50005\n" });
  const newer = await thermalOf({
    "/sys/bus/platform/drivers/raspberrypi-firmware/bind": "",
    "/sys/bus/platform/drivers/raspberrypi-firmware/soc@107c000000:firmware/get_throttled": "50005\n",
  });
  for (const facts of [older, newer]) {
    t.match(facts, {
      value: {
        throttling: {
          now: { ...none, underVoltage: true, throttled: true },
          sinceStart: { ...none, underVoltage: true, throttled: true },
        },
      },
    });
  }
  t.same(parseFirmwareFlags("0x80000"), { now: none, sinceStart: { ...none, softTemperatureLimit: true } });
  t.same(parseFirmwareFlags("80000002")?.now, { ...none, frequencyCapped: true }, "the highest bit is no sign");
  for (const text of ["", "throttled=0x0", "123456789", undefined]) t.equal(parseFirmwareFlags(text), undefined, `${text}`);
});

test("no sensor, or one that may not be seen", async (t) => {
  t.match(await thermalOf({ "/sys/class/thermal/other": "" }), { kind: "absent" });
  const host = makeSimHost(makeTree({}));
  const denied = { ...host, list: async () => ({ kind: "failed", error: { code: "denied", message: "no" } }) as const };
  t.match(await readThermal(denied), { kind: "failed", error: { code: "denied" } });
});
