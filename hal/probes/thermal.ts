/**
 * Temperatures and what is done about them: thermal zones and cooling devices
 * (https://docs.kernel.org/driver-api/thermal/sysfs-api.html), hardware monitors that are no zone
 * (https://docs.kernel.org/hwmon/sysfs-interface.html), and whether the processor was slowed down (throttling.ts).
 */
import type { Host } from "../host.ts";
import { MAX_COOLING_DEVICES, MAX_SENSORS, MAX_TRIP_POINTS } from "../limits.ts";
import { absent, found, known, type ProbeResult } from "../probe-result.ts";
import { cleanText, linkName, parseCount, readAttribute } from "./text.ts";
import { readThrottling, type ThrottlingFacts } from "./throttling.ts";

/** A temperature at which the kernel acts: it cools at `active` and `passive`, warns at `hot`, switches off at `critical`. */
export interface TripPoint {
  readonly kind: "active" | "passive" | "hot" | "critical";
  readonly milliCelsius: number;
}

/** One place where a temperature is taken. */
export interface TemperatureSensor {
  /** `zone`: the kernel watches and cools it. `monitor`: it is only shown. */
  readonly source: "zone" | "monitor";
  /** The zone's type (`cpu-thermal`, `x86_pkg_temp`), or the monitor's chip and, where it has one, its label (`k10temp Tctl`). */
  readonly name: string;
  /** Undefined where the sensor tells nothing, or what no machine survives. */
  readonly milliCelsius: number | undefined;
  readonly trips: readonly TripPoint[];
}

/** Something that cools or slows down: a fan, or a processor's own brake. State 0 is idle, `maxState` is all it can do. */
export interface CoolingDevice {
  readonly type: string;
  readonly state: number | undefined;
  readonly maxState: number | undefined;
}

/** How warm the machine is. */
export interface ThermalFacts {
  readonly sensors: readonly TemperatureSensor[];
  readonly coolingDevices: readonly CoolingDevice[];
  readonly throttling: ThrottlingFacts;
}

/** Reads sensors, cooling devices and throttling. `absent` where the machine has none of them, as most virtual ones. */
export async function readThermal(host: Host): Promise<ProbeResult<ThermalFacts>> {
  const thermal = await host.list("/sys/class/thermal");
  if (thermal.kind === "failed") return thermal;
  const monitors = await host.list("/sys/class/hwmon");
  if (monitors.kind === "failed") return monitors;
  const names = known(thermal) ?? [];
  const sensors: TemperatureSensor[] = [];
  for (const name of numbered(names, "thermal_zone", MAX_SENSORS))
    sensors.push(await readZone(host, `/sys/class/thermal/${name}`));
  for (const name of numbered(known(monitors) ?? [], "hwmon", MAX_SENSORS)) {
    sensors.push(...(await readMonitor(host, `/sys/class/hwmon/${name}`)));
  }
  const coolingDevices: CoolingDevice[] = [];
  for (const name of numbered(names, "cooling_device", MAX_COOLING_DEVICES)) {
    const directory = `/sys/class/thermal/${name}`;
    coolingDevices.push({
      type: cleanText(await readAttribute(host, `${directory}/type`)) ?? name,
      state: parseCount(await readAttribute(host, `${directory}/cur_state`)),
      maxState: parseCount(await readAttribute(host, `${directory}/max_state`)),
    });
  }
  const throttling = await readThrottling(host);
  const isSilent = Object.values(throttling).every((value) => value === undefined);
  if (sensors.length === 0 && coolingDevices.length === 0 && isSilent) {
    return absent("no temperature sensor, cooling device or count of throttling");
  }
  return found({ sensors: sensors.slice(0, MAX_SENSORS), coolingDevices, throttling });
}

/** The coldest and warmest at which electronics run; some sensors answer -274 °C or several hundred for "broken" or "off". */
const COLDEST_MILLI_CELSIUS = -60_000;
const WARMEST_MILLI_CELSIUS = 200_000;

/** A temperature file (thousandths of a degree Celsius); undefined for what is no temperature of a working machine. */
export function parseMilliCelsius(text: string | undefined): number | undefined {
  if (text === undefined || !/^-?\d{1,9}$/.test(text.trim())) return undefined;
  const value = Number(text);
  return value < COLDEST_MILLI_CELSIUS || value > WARMEST_MILLI_CELSIUS ? undefined : value;
}

/** A trip point of a zone; undefined where it is none, or its temperature is not above 0, which drivers write for "not set". */
export function parseTripPoint(kind: string | undefined, temperature: string | undefined): TripPoint | undefined {
  const milliCelsius = parseMilliCelsius(temperature);
  if (milliCelsius === undefined || milliCelsius <= 0) return undefined;
  const documented = (["active", "passive", "hot", "critical"] as const).find((name) => name === kind);
  return documented === undefined ? undefined : { kind: documented, milliCelsius };
}

async function readZone(host: Host, directory: string): Promise<TemperatureSensor> {
  const trips: TripPoint[] = [];
  for (let index = 0; index < MAX_TRIP_POINTS; index++) {
    const kind = await readAttribute(host, `${directory}/trip_point_${index}_type`);
    if (kind === undefined) break;
    const trip = parseTripPoint(kind, await readAttribute(host, `${directory}/trip_point_${index}_temp`));
    if (trip !== undefined) trips.push(trip);
  }
  return {
    source: "zone",
    name: cleanText(await readAttribute(host, `${directory}/type`)) ?? "unnamed",
    milliCelsius: parseMilliCelsius(await readAttribute(host, `${directory}/temp`)),
    trips,
  };
}

/** The temperatures of one monitor; none of one that only repeats a thermal zone, whose `device` is that zone. */
async function readMonitor(host: Host, directory: string): Promise<readonly TemperatureSensor[]> {
  if (/^thermal_zone\d+$/.test((await linkName(host, `${directory}/device`)) ?? "")) return [];
  const inputs = (known(await host.list(directory)) ?? []).flatMap((file) => /^temp(\d{1,4})_input$/.exec(file)?.[1] ?? []);
  const sensors: TemperatureSensor[] = [];
  for (const input of inputs.slice(0, MAX_SENSORS)) {
    const attribute = (name: string): Promise<string | undefined> => readAttribute(host, `${directory}/temp${input}_${name}`);
    const words = [await readAttribute(host, `${directory}/name`), await attribute("label")];
    const critical = parseTripPoint("critical", await attribute("crit"));
    sensors.push({
      source: "monitor",
      name: cleanText(words.filter((word) => word !== undefined).join(" ")) ?? "unnamed",
      milliCelsius: parseMilliCelsius(await attribute("input")),
      trips: critical === undefined ? [] : [critical],
    });
  }
  return sensors;
}

/** The entries `PREFIX0`, `PREFIX1` ... in the order of their numbers. */
function numbered(names: readonly string[], prefix: string, max: number): readonly string[] {
  const numberOf = (name: string): number => Number(name.slice(prefix.length));
  return names
    .filter((name) => name.startsWith(prefix) && /^\d{1,6}$/.test(name.slice(prefix.length)))
    .sort((left, right) => numberOf(left) - numberOf(right))
    .slice(0, max);
}
