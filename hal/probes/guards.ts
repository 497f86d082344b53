/**
 * Chips that watch over the machine: watchdogs (/sys/class/watchdog, https://docs.kernel.org/watchdog/watchdog-api.html) and trusted
 * platform modules (/sys/class/tpm, https://docs.kernel.org/admin-guide/abi-testing.html). Only /sys is read: opening a
 * watchdog's device starts it, and whoever then closes it restarts the machine.
 */
import type { Host } from "../host.ts";
import { MAX_WATCHDOGS } from "../limits.ts";
import { absent, found, type ProbeResult } from "../probe-result.ts";
import { cleanText, parseCount, readAttribute } from "./text.ts";

/** One watchdog. What is undefined the kernel was built not to tell. */
export interface WatchdogFacts {
  readonly name: string;
  readonly identity: string | undefined;
  readonly timeoutMs: number | undefined;
  /** Whether it runs: somebody then holds it, and feeds it. */
  readonly active: boolean | undefined;
}

/** Reads the watchdogs. `absent` where there is none. */
export async function readWatchdogs(host: Host): Promise<ProbeResult<readonly WatchdogFacts[]>> {
  const names = await host.list("/sys/class/watchdog");
  if (names.kind !== "found") return names;
  const watchdogs: WatchdogFacts[] = [];
  for (const name of names.value.filter((entry) => /^watchdog\d+$/.test(entry)).slice(0, MAX_WATCHDOGS)) {
    const directory = `/sys/class/watchdog/${name}`;
    const seconds = parseCount(await readAttribute(host, `${directory}/timeout`));
    const state = await readAttribute(host, `${directory}/state`);
    watchdogs.push({
      name,
      identity: cleanText(await readAttribute(host, `${directory}/identity`)),
      timeoutMs: seconds === undefined || seconds > MAX_UNSIGNED ? undefined : seconds * 1000,
      active: state === "active" ? true : state === "inactive" ? false : undefined,
    });
  }
  return watchdogs.length === 0 ? absent("no watchdog") : found(watchdogs);
}

/** The kernel keeps a timeout in an unsigned int. */
const MAX_UNSIGNED = 2 ** 32 - 1;

/** The machine's trusted platform module. */
export interface TpmFacts {
  /** 1 or 2; undefined on kernels before 5.6, which do not tell. */
  readonly majorVersion: number | undefined;
  /** What the firmware calls it: `TPM 2.0 Device`. */
  readonly description: string | undefined;
}

/** Reads the first trusted platform module, which is the only one on any machine that can be bought. */
export async function readTpm(host: Host): Promise<ProbeResult<TpmFacts>> {
  const names = await host.list("/sys/class/tpm");
  if (names.kind !== "found") return names;
  const name = names.value.find((entry) => /^tpm\d+$/.test(entry));
  if (name === undefined) return absent("no trusted platform module");
  const major = parseCount(await readAttribute(host, `/sys/class/tpm/${name}/tpm_version_major`));
  return found({
    majorVersion: major === 1 || major === 2 ? major : undefined,
    description: cleanText(await readAttribute(host, `/sys/class/tpm/${name}/device/description`)),
  });
}
