/**
 * What a figure of the processor may depend on besides the processor: the load before the measurement (/proc/loadavg,
 * proc_loadavg(5)), the frequency governor (https://docs.kernel.org/admin-guide/pm/cpufreq.html) and the heat
 * (https://docs.kernel.org/driver-api/thermal/sysfs-api.html).
 */
import type { Host } from "../host.ts";
import { MAX_ATTRIBUTE_BYTES, MAX_DEVICES } from "../limits.ts";
import { known } from "../probe-result.ts";
import { cleanText, readAttribute } from "../probes/text.ts";
import { parseMilliCelsius } from "../probes/thermal.ts";

/** The first of the three averages, in thousandths; undefined where the text is no load average. */
export function parseLoadMilli(text: string): number | undefined {
  const average = /^(\d{1,6}\.\d\d) /.exec(text)?.[1];
  return average === undefined ? undefined : Math.round(Number(average) * 1000);
}

/** Reads the load average of the last minute, in thousandths. */
export async function readLoadMilli(host: Host): Promise<number | undefined> {
  const text = known(await host.readText("/proc/loadavg", MAX_ATTRIBUTE_BYTES));
  return text === undefined ? undefined : parseLoadMilli(text);
}

/** Reads what decides on the frequency of the first CPU; undefined where the kernel does not. */
export async function readGovernor(host: Host): Promise<string | undefined> {
  return cleanText(await readAttribute(host, "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"))?.slice(0, 32);
}

/** Reads the hottest thermal zone; undefined where there is none. */
export async function readHottest(host: Host): Promise<number | undefined> {
  const names = (known(await host.list("/sys/class/thermal")) ?? []).filter((name) => /^thermal_zone\d+$/.test(name));
  const readings = await Promise.all(
    names.slice(0, MAX_DEVICES).map((name) => readAttribute(host, `/sys/class/thermal/${name}/temp`)),
  );
  const degrees = readings.flatMap((text) => parseMilliCelsius(text) ?? []);
  return degrees.length === 0 ? undefined : Math.max(...degrees);
}
