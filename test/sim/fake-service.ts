import { ADMIT, type Service, type ServiceOutcome, type Verdict } from "../../agent/services/service.ts";
import { type Clock, failure, type Random, success } from "../../base/index.ts";
import { NO_USAGE, ProtocolError } from "../../protocol/index.ts";

/** What one piece of the fake work is to do. */
export interface FakeSpec {
  /** How long it takes, in milliseconds of the clock. */
  readonly forMs: number;
  readonly end: "done" | "fail" | "throw" | "hang" | "too-large" | "half-character";
  readonly memoryBytes: number;
}

/** What the fake service was asked to do, and how it answers. */
export interface FakeServiceOptions {
  readonly kind?: string;
  readonly recover?: "again" | "fail";
  readonly verdict?: Verdict;
  readonly commit?: () => void;
}

/** Work of a made-up kind that takes simulated time; `runs` names each begun task, and `running` counts those under way. */
export function makeFakeService(needs: { readonly clock: Clock; readonly random?: Random }, options: FakeServiceOptions = {}) {
  const runs: string[] = [];
  let running = 0;
  let mostAtOnce = 0;

  const outcomeOf = ({ end, forMs }: FakeSpec): ServiceOutcome => {
    const usage = { ...NO_USAGE, cpuMicros: BigInt(forMs) * 1000n, downBytes: 10n };
    const commit = options.commit === undefined ? {} : { commit: options.commit };
    if (end === "throw") throw new Error("the service has a bug");
    if (end === "fail") return { kind: "failed", reason: "trap", detail: "it\nfailed", evidence: {}, usage };
    if (end === "too-large") return { kind: "done", evidence: { data: new Uint8Array(65_000) }, usage, ...commit };
    if (end === "half-character")
      return { kind: "failed", reason: "internal", detail: `${"x".repeat(199)}\u{1f600}`, evidence: { half: "\ud83d" }, usage };
    return { kind: "done", evidence: { ok: true }, usage, ...commit };
  };

  const service: Service<FakeSpec> = {
    kind: options.kind ?? "fake",
    capabilities: [],
    parse: (spec) => {
      const { forMs = 0, end = "done", memoryBytes = 0 } = spec as Partial<Record<keyof FakeSpec, unknown>>;
      if (typeof end !== "string" || typeof forMs !== "number")
        return failure(new ProtocolError("bad-claims", "spec: no such end"));
      return success({ forMs, end: end as FakeSpec["end"], memoryBytes: Number(memoryBytes) });
    },
    demand: ({ memoryBytes }) => ({ memoryBytes, diskBytes: 0 }),
    admit: ({ memoryBytes }, node) => {
      if (memoryBytes > node.freeMemoryBytes) return { kind: "refuse", reason: "over-memory-limit", detail: "too much" };
      return options.verdict ?? ADMIT;
    },
    execute: async (spec, { signal, taskId, progress }) => {
      runs.push(taskId);
      running += 1;
      mostAtOnce = Math.max(mostAtOnce, running);
      progress("under way");
      try {
        if (spec.end === "hang") await new Promise(() => undefined);
        if (spec.forMs > 0) await needs.clock.sleep(spec.forMs, signal);
        return outcomeOf(spec);
      } catch (thrown) {
        if (!signal.aborted) throw thrown;
        return { kind: "failed", reason: "aborted", detail: "told to stop", evidence: {}, usage: NO_USAGE };
      } finally {
        running -= 1;
      }
    },
    recover: () => options.recover ?? "again",
  };
  return {
    service: service as Service<unknown>,
    runs,
    get running() {
      return running;
    },
    get mostAtOnce() {
      return mostAtOnce;
    },
  };
}
