import { bytesEqual, type Clock, type Log, messageOf, sha256, toHex } from "../base/index.ts";
import { formatId, parseComputeEvidence, parseComputeSpec } from "../protocol/index.ts";
import type { Sandbox } from "../sandbox/index.ts";
import type { Contents } from "./contents-store.ts";
import type { BookkeeperEvent } from "./events.ts";
import type { Issued } from "./ledger/assignments-store.ts";
import type { Ledger } from "./ledger/ledger-store.ts";
import { proofIn } from "./ledger/records.ts";
import { MAX_RECHECK_TRIES } from "./limits.ts";

/** What repeating jobs needs. */
export interface RecheckNeeds {
  readonly ledger: Ledger;
  readonly contents: Contents;
  readonly sandbox: Pick<Sandbox, "run" | "engine">;
  readonly clock: Clock;
  readonly log: Log;
  readonly emit: (event: BookkeeperEvent) => void;
}

/** Time allowed here beyond the job's own limits, because this machine may be slower than the node. */
const PATIENCE = 3;

interface Verdict {
  readonly result: "agreed" | "differed";
  readonly detail: string;
}

/**
 * Repeats finished compute jobs that were picked for it, one at a time, and compares exit code and output exactly. A job that gives
 * another result here has its credit taken back by a record of its own; the proof stays as evidence.
 */
export function makeRecheck(needs: RecheckNeeds) {
  const { ledger, emit, contents } = needs;
  let failures = 0;

  const conclude = ({ id, node, proofHeight }: Issued, { result, detail }: Verdict): void => {
    const isNew = ledger.transaction(() => {
      if (!ledger.assignments.setRecheck(id, result)) return false;
      if (result === "differed" && proofHeight !== undefined)
        ledger.records.append({ type: "reversal", atMs: needs.clock.wallMs(), node, height: proofHeight, detail });
      return true;
    });
    if (isNew) emit({ type: "rechecked", node: formatId(node), assignment: toHex(id), result, detail });
  };

  /** Undefined: it was broken off. */
  const repeat = async (row: Issued, signal: AbortSignal): Promise<Verdict | undefined> => {
    const spec = parseComputeSpec(row.issued().spec);
    const claimed = claimedResult(ledger, row);
    if (!spec.ok || claimed === undefined || !contents.has(spec.value.module)) return agreed("nothing to compare with");
    const { limits, args, stdin, seed, epochSeconds, isolation } = spec.value;
    const job = {
      module: await contents.read(spec.value.module),
      args,
      stdin: stdin ?? new Uint8Array(),
      seed,
      epochSeconds,
      limits: { ...limits, wallMs: limits.wallMs * PATIENCE, cpuMs: limits.cpuMs * PATIENCE },
    };
    const outcome = await needs.sandbox.run(job, { signal, demand: isolation });
    if (signal.aborted) return undefined;
    // A job that cannot be repeated here proves nothing against the node.
    if (outcome.kind === "stopped") return agreed(`not repeated: ${outcome.reason}`);
    if (outcome.exitCode === claimed.exitCode && bytesEqual(sha256(outcome.stdout), claimed.stdoutHash))
      return agreed("same exit code and output");
    // Outputs may depend on the engine (the bits of a NaN), so only the same one can convict.
    return claimed.engine === needs.sandbox.engine
      ? { result: "differed", detail: "another exit code or output here" }
      : agreed(`another output, but by another engine: ${claimed.engine}`);
  };

  return {
    /** Repeats the next job that waits for it; answers whether there was one. Never rejects. */
    next: async (signal: AbortSignal): Promise<boolean> => {
      try {
        const row = ledger.assignments.nextToRecheck();
        if (row === undefined) return false;
        const verdict = await repeat(row, signal).catch((thrown: unknown) => {
          failures += 1;
          if (failures < MAX_RECHECK_TRIES) throw thrown;
          return agreed(`not repeated: ${messageOf(thrown)}`);
        });
        if (verdict === undefined) return false;
        conclude(row, verdict);
        failures = 0;
        return true;
      } catch (thrown) {
        needs.log.error({ error: messageOf(thrown) }, "a job could not be repeated; it is tried again");
        return false;
      }
    },
  };
}

function agreed(detail: string): Verdict {
  return { result: "agreed", detail: detail.slice(0, 200) };
}

interface ClaimedResult {
  readonly exitCode: number;
  readonly stdoutHash: Uint8Array;
  readonly engine: string;
}

function claimedResult(ledger: Ledger, row: Issued): ClaimedResult | undefined {
  const recorded = row.proofHeight === undefined ? undefined : ledger.records.at(row.proofHeight).record;
  if (recorded?.type !== "proof") return undefined;
  const evidence = parseComputeEvidence(proofIn(recorded.envelope).evidence);
  if (!evidence.ok) return undefined;
  const { exitCode, stdoutHash, engine } = evidence.value;
  return exitCode === undefined ? undefined : { exitCode, stdoutHash, engine };
}
