/**
 * The caches of the processors: /sys/devices/system/cpu/cpuN/cache/indexM
 * (https://docs.kernel.org/admin-guide/abi-stable.html and abi-testing.html, "cache/index").
 */
import type { Host } from "../host.ts";
import { CPUS_AT_ONCE, MAX_CACHES_PER_CPU } from "../limits.ts";
import { known } from "../probe-result.ts";
import { inBatches } from "./cpu-topology.ts";
import { parseCount, readAttribute } from "./text.ts";

/** All caches of a machine that have the same level, type and size. */
export interface CpuCache {
  /** 1 is the nearest to the core. */
  readonly level: number;
  readonly type: "data" | "instruction" | "unified";
  /** Of one of them; undefined where the kernel does not know it. */
  readonly sizeBytes: number | undefined;
  /** How many of them the online CPUs have in total. */
  readonly instances: number;
}

type CacheInstance = Omit<CpuCache, "instances">;

/**
 * Reads the caches, nearest first. Only a cache that says which CPUs share it can be counted; one that does not is left out. Empty
 * where the kernel describes no caches, as on many ARM boards.
 */
export async function readCaches(host: Host, online: ReadonlySet<number>): Promise<readonly CpuCache[]> {
  const described = new Map<string, Promise<CacheInstance | undefined>>();
  const sharings = await inBatches([...online], CPUS_AT_ONCE, async (cpu) => {
    const directory = `/sys/devices/system/cpu/cpu${cpu}/cache`;
    const names = (known(await host.list(directory)) ?? []).filter((name) => /^index\d{1,2}$/.test(name));
    const found: { sharing: string; cache: Promise<CacheInstance | undefined> }[] = [];
    for (const name of names.slice(0, MAX_CACHES_PER_CPU)) {
      const sharing =
        (await readAttribute(host, `${directory}/${name}/shared_cpu_list`)) ??
        (await readAttribute(host, `${directory}/${name}/shared_cpu_map`));
      if (sharing === undefined) continue;
      // CPUs that share a cache describe it alike, so it is read from the first of them only.
      const key = `${name} ${sharing}`;
      const cache = described.get(key) ?? readCache(host, `${directory}/${name}`);
      described.set(key, cache);
      found.push({ sharing, cache });
    }
    return found;
  });
  const instances = new Map<string, CacheInstance>();
  for (const { sharing, cache } of sharings.flat()) {
    const instance = await cache;
    // Some hypervisors describe one cache twice: a set of CPUs has one cache of a level and type.
    if (instance !== undefined) instances.set(`${instance.level} ${instance.type} ${sharing}`, instance);
  }
  const alike = Map.groupBy(instances.values(), ({ level, type, sizeBytes }) => `${level} ${type} ${sizeBytes}`);
  return [...alike.values()]
    .flatMap((same) => (same[0] === undefined ? [] : { ...same[0], instances: same.length }))
    .sort((a, b) => a.level - b.level || a.type.localeCompare(b.type) || (a.sizeBytes ?? 0) - (b.sizeBytes ?? 0));
}

async function readCache(host: Host, directory: string): Promise<CacheInstance | undefined> {
  const level = parseCount(await readAttribute(host, `${directory}/level`));
  const type = CACHE_TYPES.get((await readAttribute(host, `${directory}/type`)) ?? "");
  if (level === undefined || type === undefined) return undefined;
  return { level, type, sizeBytes: parseCacheSize(await readAttribute(host, `${directory}/size`)) };
}

const CACHE_TYPES: ReadonlyMap<string, CpuCache["type"]> = new Map([
  ["Data", "data"],
  ["Instruction", "instruction"],
  ["Unified", "unified"],
]);

/** A size as the kernel writes it (`32K`) in bytes; undefined for anything else, and for 0, its way to say "unknown". */
export function parseCacheSize(text: string | undefined): number | undefined {
  const kibibytes = /^(\d{1,9})K$/.exec(text ?? "")?.[1];
  return kibibytes === undefined || Number(kibibytes) === 0 ? undefined : Number(kibibytes) * 1024;
}
