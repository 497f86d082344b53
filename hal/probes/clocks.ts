/**
 * How this machine knows the time: battery-backed clocks (/sys/class/rtc, https://docs.kernel.org/admin-guide/rtc.html) and the
 * counter that the kernel counts with (/sys/devices/system/clocksource). Without the first, it wakes up in the past.
 */
import type { Host } from "../host.ts";
import { MAX_RTCS } from "../limits.ts";
import { found, known, type ProbeResult } from "../probe-result.ts";
import { cleanText, readAttribute } from "./text.ts";

/** One clock that goes on while the machine is off. */
export interface RealTimeClock {
  /** The driver's name and its device, as the kernel writes them: `rtc_cmos rtc_cmos`, `rtc-ds1307 1-0068`. */
  readonly name: string | undefined;
  /** Whether the kernel took the time from this one when it started. */
  readonly setSystemTime: boolean | undefined;
}

/** The clocks. */
export interface ClockFacts {
  /** Empty: the machine has none, and knows no time until the network tells it. */
  readonly realTimeClocks: readonly RealTimeClock[];
  /** `tsc`, `arch_sys_counter`, `kvm-clock` ... */
  readonly clockSource: string | undefined;
}

/** Reads the clocks. `failed` where it cannot be seen whether there is a battery-backed one. */
export async function readClocks(host: Host): Promise<ProbeResult<ClockFacts>> {
  const names = await host.list("/sys/class/rtc");
  if (names.kind === "failed") return names;
  const realTimeClocks: RealTimeClock[] = [];
  for (const name of (known(names) ?? []).filter((entry) => /^rtc\d+$/.test(entry)).slice(0, MAX_RTCS)) {
    const flag = await readAttribute(host, `/sys/class/rtc/${name}/hctosys`);
    realTimeClocks.push({
      name: cleanText(await readAttribute(host, `/sys/class/rtc/${name}/name`)),
      setSystemTime: flag === "1" ? true : flag === "0" ? false : undefined,
    });
  }
  const source = await readAttribute(host, "/sys/devices/system/clocksource/clocksource0/current_clocksource");
  return found({ realTimeClocks, clockSource: cleanText(source) });
}
