import { bytesEqual, type Clock, type Log, messageOf, sha256, toHex } from "../base/index.ts";
import { formatId, parseComputeEvidence, parseComputeSpec, parseEnvelope, proofMessage } from "../protocol/index.ts";
import type { Sandbox } from "../sandbox/index.ts";
import type { Contents } from "./contents-store.ts";
import type { BookkeeperEvent } from "./events.ts";
import type { AssignmentRow } from "./ledger/assignments-store.ts";
import type { Ledger } from "./ledger/ledger-store.ts";
import { specOf } from "./verify/verify-proof.ts";

/** What repeating jobs needs. */
export interface RecheckNeeds {
  readonly ledger: Ledger;
  readonly contents: Contents;
  readonly sandbox: Sandbox;
  readonly clock: Clock;
  readonly log: Log;
  readonly emit: (event: BookkeeperEvent) => void;
}

/** Time allowed here beyond the job's own limits, because this machine may be slower than the node. */
const PATIENCE = 3;

/**
 * Repeats finished compute jobs that were picked for it, one at a time, and compares exit code and output exactly. A job that gives
 * another result here has its credit taken back by a record of its own; the proof stays as evidence.
 */
export function makeRecheck(needs: RecheckNeeds) {
  const { ledger, emit } = needs;

  const conclude = (row: AssignmentRow, result: "agreed" | "differed", detail: string): void => {
    const { node, proofHeight } = row;
    ledger.transaction(() => {
      ledger.assignments.setRecheck(row.id, result);
      if (result === "differed" && proofHeight !== undefined) {
        ledger.records.append({ type: "reversal", atMs: needs.clock.wallMs(), node, height: proofHeight, detail });
      }
    });
    emit({ type: "rechecked", node: formatId(node), assignment: toHex(row.id), result, detail });
  };

  const repeat = async (row: AssignmentRow, signal: AbortSignal): Promise<void> => {
    const spec = parseComputeSpec(specOf(row).spec);
    const claimed = claimedResult(ledger, row);
    if (!spec.ok || claimed === undefined || !needs.contents.has(spec.value.module))
      return conclude(row, "agreed", "nothing to compare with");
    const { limits, args, stdin, seed, epochSeconds, isolation } = spec.value;
    const job = {
      module: await needs.contents.read(spec.value.module),
      args,
      stdin: stdin ?? new Uint8Array(),
      seed,
      epochSeconds,
      limits: { ...limits, wallMs: limits.wallMs * PATIENCE, cpuMs: limits.cpuMs * PATIENCE },
    };
    const outcome = await needs.sandbox.run(job, { signal, demand: isolation });
    if (signal.aborted) return;
    if (outcome.kind === "stopped") {
      // A job that cannot be repeated here proves nothing against the node.
      return conclude(row, "agreed", `not repeated: ${outcome.reason}`);
    }
    const isSame = outcome.exitCode === claimed.exitCode && bytesEqual(sha256(outcome.stdout), claimed.stdoutHash);
    conclude(row, isSame ? "agreed" : "differed", isSame ? "same exit code and output" : "another exit code or output here");
  };

  return {
    /** Repeats the next job that waits for it; answers whether there was one. Never rejects. */
    next: async (signal: AbortSignal): Promise<boolean> => {
      const row = ledger.assignments.nextToRecheck();
      if (row === undefined) return false;
      try {
        await repeat(row, signal);
        return true;
      } catch (thrown) {
        needs.log.error(
          { assignment: toHex(row.id), error: messageOf(thrown) },
          "a job could not be repeated; it is tried again",
        );
        return false;
      }
    },
  };
}

function claimedResult(ledger: Ledger, row: AssignmentRow): { exitCode: number; stdoutHash: Uint8Array } | undefined {
  const recorded = row.proofHeight === undefined ? undefined : ledger.records.at(row.proofHeight).record;
  if (recorded?.type !== "proof") return undefined;
  const envelope = parseEnvelope(recorded.envelope);
  const proof = envelope.ok ? proofMessage.decode(envelope.value.payload) : envelope;
  const evidence = proof.ok ? parseComputeEvidence(proof.value.evidence) : proof;
  if (!evidence.ok || evidence.value.exitCode === undefined) return undefined;
  return { exitCode: evidence.value.exitCode, stdoutHash: evidence.value.stdoutHash };
}
