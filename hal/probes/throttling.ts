/**
 * Whether the processor was slowed down: Intel's counters (/sys/devices/system/cpu/cpuN/thermal_throttle,
 * https://docs.kernel.org/admin-guide/abi-testing.html) and the Raspberry Pi firmware's flags
 * (https://www.raspberrypi.com/documentation/computers/os.html, "get_throttled").
 */
import type { Host } from "../host.ts";
import { MAX_CPUS } from "../limits.ts";
import { known } from "../probe-result.ts";
import { parseCount, readAttribute } from "./text.ts";

/** Reasons for which a Raspberry Pi slows down. */
export interface FirmwareBrakes {
  readonly underVoltage: boolean;
  readonly frequencyCapped: boolean;
  readonly throttled: boolean;
  readonly softTemperatureLimit: boolean;
}

/** What is undefined, this machine does not tell. Counts start when the machine does. */
export interface ThrottlingFacts {
  /** Times that a core got too hot, summed over all logical CPUs: threads of one core count each. */
  readonly coreThrottles: number | undefined;
  /** Times that a whole processor got too hot, summed over all logical CPUs. */
  readonly packageThrottles: number | undefined;
  readonly now: FirmwareBrakes | undefined;
  readonly sinceStart: FirmwareBrakes | undefined;
}

/** Reads the counters and flags. */
export async function readThrottling(host: Host): Promise<ThrottlingFacts> {
  const cpus = (known(await host.list("/sys/devices/system/cpu")) ?? []).filter((name) => /^cpu\d+$/.test(name));
  const flags = parseFirmwareFlags(await readFirmwareFlags(host));
  return {
    coreThrottles: await sumCounts(host, cpus, "core_throttle_count"),
    packageThrottles: await sumCounts(host, cpus, "package_throttle_count"),
    now: flags?.now,
    sinceStart: flags?.sinceStart,
  };
}

/** The firmware's flags, a hexadecimal number: bits 0 to 3 hold now, bits 16 to 19 since the start. */
export function parseFirmwareFlags(
  text: string | undefined,
): { readonly now: FirmwareBrakes; readonly sinceStart: FirmwareBrakes } | undefined {
  const digits = /^(?:0x)?([0-9a-f]{1,8})$/i.exec(text?.trim() ?? "")?.[1];
  if (digits === undefined) return undefined;
  const flags = Number.parseInt(digits, 16);
  const brakes = (shift: number): FirmwareBrakes => {
    const isSet = (bit: number): boolean => ((flags >>> (bit + shift)) & 1) === 1;
    return { underVoltage: isSet(0), frequencyCapped: isSet(1), throttled: isSet(2), softTemperatureLimit: isSet(3) };
  };
  return { now: brakes(0), sinceStart: brakes(16) };
}

/** The node is called `soc:firmware` up to the Pi 4, and after the address of its bus on later ones; the driver knows both. */
async function readFirmwareFlags(host: Host): Promise<string | undefined> {
  const direct = await readAttribute(host, "/sys/devices/platform/soc/soc:firmware/get_throttled");
  if (direct !== undefined) return direct;
  const driver = "/sys/bus/platform/drivers/raspberrypi-firmware";
  const device = known(await host.list(driver))?.find((name) => name.endsWith("firmware"));
  return device === undefined ? undefined : readAttribute(host, `${driver}/${device}/get_throttled`);
}

/** The sum over the CPUs that have such a counter; a processor of one kind has it on all of them or on none. */
async function sumCounts(host: Host, cpus: readonly string[], name: string): Promise<number | undefined> {
  let sum: number | undefined;
  for (const cpu of cpus.slice(0, MAX_CPUS)) {
    const count = parseCount(await readAttribute(host, `/sys/devices/system/cpu/${cpu}/thermal_throttle/${name}`));
    if (count !== undefined) sum = (sum ?? 0) + count;
    else if (sum === undefined) return undefined;
  }
  return sum === undefined || Number.isSafeInteger(sum) ? sum : undefined;
}
