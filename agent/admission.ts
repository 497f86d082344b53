import { bytesEqual } from "../base/index.ts";
import { type RefusalReason, TIERS, type Tier } from "../protocol/index.ts";
import type { Command } from "./command.ts";
import { isQuiet, type OwnerLimits } from "./config.ts";
import { MAX_OPEN_TASKS, MAX_OUTBOX } from "./limits.ts";
import type { NodeView, Service } from "./services/service.ts";
import type { TaskRow } from "./state-store.ts";

/** Everything that admission looks at; taking it in at one moment keeps the decision a pure function. */
export interface AdmissionView {
  readonly limits: OwnerLimits;
  readonly tier: Tier;
  readonly services: ReadonlyMap<string, Service<unknown>>;
  readonly node: NodeView;
  /** The issuing bookkeeper's time in seconds; undefined before its first beacon. */
  readonly networkSeconds: number | undefined;
  /** Minutes since local midnight. */
  readonly minuteOfDay: number;
  /** What the journal holds under this id. */
  readonly known: TaskRow | undefined;
  readonly openTasks: number;
  readonly waitingProofs: number;
  /** The agent is stopping, or its state cannot be written: why. */
  readonly closedFor: "stopping" | "no-room" | undefined;
}

/** What the network is told when the disk of the journal is full. */
export const JOURNAL_DISK_FULL = "the disk that keeps the journal is full";

export type Admission =
  | { readonly kind: "accept" }
  /** The same bytes came before: answered from the journal, never run twice. */
  | { readonly kind: "repeated"; readonly task: TaskRow }
  | { readonly kind: "refuse"; readonly reason: RefusalReason; readonly detail: string };

/** Whether the node takes a command whose signature, trust and addressee were checked already. Pure. */
export function admit(command: Command, view: AdmissionView): Admission {
  const { known } = view;
  if (known !== undefined) {
    if (!bytesEqual(known.digest, command.digest))
      return refuse("conflicting", "another assignment with this id was taken before");
    return known.state === "settled" ? refuse("replayed", "it was done and settled before") : { kind: "repeated", task: known };
  }
  return timeliness(command, view) ?? permission(command, view) ?? capacity(command, view) ?? ofService(command, view);
}

function timeliness(command: Command, view: AdmissionView): Admission | undefined {
  if (view.networkSeconds === undefined) return refuse("clock-unknown", "no beacon of this bookkeeper was seen yet");
  if (view.networkSeconds <= command.expiresAt) return undefined;
  return refuse("expired", `it expired ${view.networkSeconds - command.expiresAt} s ago by its bookkeeper's own time`);
}

function permission(command: Command, view: AdmissionView): Admission | undefined {
  const { limits } = view;
  if (!view.services.has(command.kind)) return refuse("kind-unknown", `this node has no service ${command.kind}`);
  if (!(limits.kinds as readonly string[]).includes(command.kind))
    return refuse("kind-not-allowed", `the owner does not lend for ${command.kind}`);
  if (TIERS.indexOf(view.tier) < TIERS.indexOf(command.minTier)) {
    return refuse("tier-too-low", `it needs ${command.minTier}; this node is ${view.tier}`);
  }
  if (isQuiet(limits.quiet_hours, view.minuteOfDay))
    return refuse("quiet-hours", `the owner keeps ${limits.quiet_hours?.text} free`);
  return undefined;
}

function capacity(_command: Command, view: AdmissionView): Admission | undefined {
  if (view.closedFor === "stopping") return refuse("stopping", "the agent is stopping");
  if (view.closedFor === "no-room") return refuse("outbox-full", JOURNAL_DISK_FULL);
  if (view.waitingProofs >= MAX_OUTBOX) return refuse("outbox-full", `${view.waitingProofs} proofs wait for receipts`);
  if (view.openTasks >= MAX_OPEN_TASKS) return refuse("busy", `${view.openTasks} tasks are waiting or running`);
  if (view.node.freeTrafficBytes <= 0) return refuse("over-daily-bytes", "today's traffic allowance is used up");
  return undefined;
}

function ofService(command: Command, view: AdmissionView): Admission {
  const service = view.services.get(command.kind);
  if (service === undefined) return refuse("kind-unknown", `this node has no service ${command.kind}`);
  const spec = service.parse(command.spec);
  if (!spec.ok) return refuse("bad-spec", spec.error.message);
  const verdict = service.admit(spec.value, view.node);
  return verdict.kind === "admit" ? { kind: "accept" } : verdict;
}

function refuse(reason: RefusalReason, detail: string): Admission {
  return { kind: "refuse", reason, detail };
}
