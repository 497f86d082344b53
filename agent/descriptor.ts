import { fromHex, toHex } from "../base/index.ts";
import type { MachineSummary, MeasuredFigure } from "../hal/index.ts";
import { type Descriptor, MAX_LIST, MAX_TEXT, type SignedFigure } from "../protocol/index.ts";
import type { NodeClaims } from "./claims.ts";
import type { OwnerLimits } from "./config.ts";
import { printable } from "./printable.ts";
import type { Capability, Service } from "./services/service.ts";

/** What a node says of itself; the claims around it are added when it is signed. */
export type NodeFacts = Omit<Descriptor, keyof NodeClaims | "nonce">;

/** What goes into a descriptor besides the machine. */
export interface DescriptorParts {
  readonly limits: OwnerLimits;
  readonly services: ReadonlyMap<string, Service<unknown>>;
  readonly capabilities: readonly Capability[];
  readonly isolation: NodeFacts["isolation"];
  /** Hash of the latest beacon before the machine was measured, as hexadecimal. */
  readonly measuredAfter: string | undefined;
}

/** What a node says of itself, from what its hardware abstraction found. Undefined: the machine is fit for no tier. Pure. */
export function describeNode(machine: MachineSummary, parts: DescriptorParts): NodeFacts | undefined {
  if (machine.tier === undefined) return undefined;
  const { limits } = parts;
  const cores = machine.effectiveMilliCpus ?? 1000 * (machine.logicalCpus ?? 1);
  return {
    board: machine.board ?? "unknown",
    tier: machine.tier,
    reasons: machine.reasons.slice(0, MAX_LIST).map((reason) => printable(reason, MAX_TEXT)),
    facts: {
      arch: machine.arch ?? "unknown",
      cpuModel: machine.cpuModel === undefined ? undefined : printable(machine.cpuModel, 128),
      logicalCpus: machine.logicalCpus ?? 1,
      effectiveMilliCpus: Math.round(cores),
      memoryBytes: BigInt(Math.round(machine.memoryBytes ?? 0)),
      diskFreeBytes: BigInt(Math.round(machine.diskFreeBytes ?? 0)),
      diskKind: machine.diskKind,
      gpus: machine.gpus,
      linkBitsPerSecond: machine.linkBitsPerSecond === undefined ? undefined : BigInt(Math.round(machine.linkBitsPerSecond)),
    },
    policy: machine.policyVersion,
    power: machine.power,
    measured: machine.measured.slice(0, MAX_LIST).map(signedFigure),
    measuredAfter: parts.measuredAfter === undefined ? undefined : fromHex(parts.measuredAfter),
    kinds: [...parts.services.keys()].filter((kind) => (limits.kinds as readonly string[]).includes(kind)),
    capabilities: parts.capabilities.slice(0, MAX_LIST).map(({ name, available, why }) => ({
      name,
      available,
      why: why === undefined ? undefined : printable(why, MAX_TEXT),
    })),
    isolation: parts.isolation,
    limits: {
      cpuMilli: Math.round(cores * limits.cpu_share),
      memoryBytes: asAmount(limits.memory),
      diskBytes: asAmount(limits.disk),
      upBitsPerSecond: asAmount(limits.up),
      downBitsPerSecond: asAmount(limits.down),
      bytesPerDay: asAmount(limits.bytes_per_day),
      quietHours: limits.quiet_hours?.text,
    },
  };
}

/** A figure as it is signed: what bookkeepers judge it by. */
function signedFigure({ name, version, value, unit, spreadPercent, durationMs, conditions }: MeasuredFigure): SignedFigure {
  const whole = (key: string, max: number): number | undefined => {
    const given = conditions[key];
    return typeof given === "number" && given >= 0 ? Math.min(max, Math.round(given)) : undefined;
  };
  const words = (key: string): string | undefined => {
    const given = conditions[key];
    return typeof given === "string" ? printable(given, 32) : undefined;
  };
  return {
    ...{ name, version, value: BigInt(Math.max(0, Math.round(value))), unit },
    spreadPercent: Math.min(100, Math.max(0, Math.round(spreadPercent))),
    durationMs: Math.max(0, Math.round(durationMs)),
    conditions: {
      threads: whole("threads", 65_536),
      gotMilliCpus: whole("gotMilliCpus", 65_536_000),
      othersMilliCpus: whole("othersMilliCpus", 65_536_000),
      stealPermille: whole("stealPermille", 1_000),
      loadMilli: whole("loadMilli", 2 ** 32 - 1),
      milliCelsius: whole("milliCelsius", 1_000_000),
      governor: words("governor"),
      doubtful: words("doubtful"),
    },
  };
}

function asAmount(value: number | undefined): bigint | undefined {
  return value === undefined ? undefined : BigInt(value);
}

/** A name for an MQTT session: the node's id shortened, so that two agents with one key show up as one session taken over. */
export function clientIdOf(publicKey: Uint8Array): string {
  return `bn-${toHex(publicKey).slice(0, 20)}`;
}
