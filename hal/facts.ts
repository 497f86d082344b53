import { type Clock, messageOf } from "../base/index.ts";
import type { Host } from "./host.ts";
import { FACTS_TIMEOUT_MS, VOLUMES_TIMEOUT_MS } from "./limits.ts";
import { failed, known, type ProbeResult } from "./probe-result.ts";
import { type BoardIdentity, readBoardIdentity } from "./probes/board-identity.ts";
import { readCgroupLimits } from "./probes/cgroup.ts";
import { type ClockFacts, readClocks } from "./probes/clocks.ts";
import { type CpuFacts, readCpu } from "./probes/cpu.ts";
import { type DiskFacts, readDisks } from "./probes/disks.ts";
import { type GpuFacts, readGpus } from "./probes/gpus.ts";
import { readTpm, readWatchdogs, type TpmFacts, type WatchdogFacts } from "./probes/guards.ts";
import { type HidDeviceFacts, readHidDevices } from "./probes/hid-devices.ts";
import { type MemoryFacts, readMemory } from "./probes/memory.ts";
import { type InterfaceFacts, readInterfaces } from "./probes/network.ts";
import { type PlatformFacts, readPlatform } from "./probes/platform.ts";
import { type PowerFacts, readPower } from "./probes/power.ts";
import { type RouteFacts, readRoutes } from "./probes/routes.ts";
import { readSerialPorts, type SerialPortFacts } from "./probes/serial-ports.ts";
import { readThermal, type ThermalFacts } from "./probes/thermal.ts";
import { readVolume, type VolumeFacts } from "./probes/volume.ts";
import { readVolumes, type VolumesFacts } from "./probes/volumes.ts";

/**
 * Everything read about a machine. Holds no serial number and no hardware address. Network addresses stand in `interfaces` alone, for
 * people at this machine; nothing that leaves it is made of them.
 */
export interface MachineFacts {
  readonly cpu: ProbeResult<CpuFacts>;
  readonly memory: ProbeResult<MemoryFacts>;
  readonly disks: ProbeResult<readonly DiskFacts[]>;
  readonly volume: ProbeResult<VolumeFacts>;
  readonly volumes: ProbeResult<VolumesFacts>;
  readonly gpus: ProbeResult<readonly GpuFacts[]>;
  readonly interfaces: ProbeResult<readonly InterfaceFacts[]>;
  readonly routes: ProbeResult<RouteFacts>;
  readonly platform: ProbeResult<PlatformFacts>;
  readonly board: ProbeResult<BoardIdentity>;
  readonly thermal: ProbeResult<ThermalFacts>;
  readonly power: ProbeResult<PowerFacts>;
  readonly clocks: ProbeResult<ClockFacts>;
  readonly watchdogs: ProbeResult<readonly WatchdogFacts[]>;
  readonly tpm: ProbeResult<TpmFacts>;
  readonly serialPorts: ProbeResult<readonly SerialPortFacts[]>;
  readonly hidDevices: ProbeResult<readonly HidDeviceFacts[]>;
}

/** Where the data would be kept (an absolute path that need not exist yet), and when to stop. */
export interface FactsOptions {
  readonly dataDirectory: string;
  readonly signal?: AbortSignal;
}

/**
 * Reads everything, in well under a second. A probe that has no answer after FACTS_TIMEOUT_MS (a dead network mount) counts as
 * `failed`, the others still count. Rejects only with the signal's reason.
 */
export async function readFacts(
  needs: { readonly host: Host; readonly clock: Clock },
  options: FactsOptions,
): Promise<MachineFacts> {
  const { host, clock } = needs;
  const { signal, dataDirectory } = options;
  signal?.throwIfAborted();
  const done = new AbortController();
  const stop = signal === undefined ? done.signal : AbortSignal.any([signal, done.signal]);
  const late = clock.sleep(FACTS_TIMEOUT_MS, stop).then(() => failed("timeout", `no answer within ${FACTS_TIMEOUT_MS / 1000} s`));
  const timely = <Value>(probe: Promise<ProbeResult<Value>>): Promise<ProbeResult<Value>> => Promise.race([settled(probe), late]);
  const patience = clock.sleep(VOLUMES_TIMEOUT_MS, stop).catch(() => undefined);
  try {
    const cgroup = timely(readCgroupLimits(host));
    const cpu = timely(cgroup.then((limits) => readCpu(host, limits)));
    const hasHypervisor = cpu.then((facts) => known(facts)?.hypervisor);
    return await inParallel({
      cpu,
      memory: timely(cgroup.then((limits) => readMemory(host, limits))),
      disks: timely(readDisks(host)),
      volume: timely(readVolume(host, dataDirectory)),
      volumes: timely(readVolumes(host, patience)),
      gpus: timely(readGpus(host)),
      interfaces: timely(readInterfaces(host)),
      routes: timely(readRoutes(host)),
      platform: timely(hasHypervisor.then((cpuFlag) => readPlatform(host, cpuFlag))),
      board: timely(readBoardIdentity(host)),
      thermal: timely(readThermal(host)),
      power: timely(readPower(host)),
      clocks: timely(readClocks(host)),
      watchdogs: timely(readWatchdogs(host)),
      tpm: timely(readTpm(host)),
      serialPorts: timely(readSerialPorts(host)),
      hidDevices: timely(readHidDevices(host)),
    });
  } finally {
    done.abort();
  }
}

/** A probe that breaks is a bug of ours, but no reason to leave the others unread. */
function settled<Value>(probe: Promise<ProbeResult<Value>>): Promise<ProbeResult<Value>> {
  return probe.catch((thrown: unknown) => failed("unreadable", `the probe broke: ${messageOf(thrown)}`));
}

async function inParallel<Record extends object>(
  promises: { readonly [Key in keyof Record]: Promise<Record[Key]> },
): Promise<Record> {
  const entries = Object.entries<Promise<unknown>>(promises as { [name: string]: Promise<unknown> });
  return Object.fromEntries(await Promise.all(entries.map(async ([key, promise]) => [key, await promise]))) as Record;
}
