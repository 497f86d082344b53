import type { Result } from "../../base/index.ts";
import type { FailureReason, ProtocolError, RefusalReason, Usage, WireObject } from "../../protocol/index.ts";

/** Work that was begun: what came of it, the evidence its verifier needs, and what it used. */
export type ServiceOutcome = OutcomeParts &
  ({ readonly kind: "done" } | { readonly kind: "failed"; readonly reason: FailureReason; readonly detail: string });

interface OutcomeParts {
  readonly evidence: WireObject;
  readonly usage: Usage;
  /** Changes to the agent's own state that belong to this outcome: made in the transaction that journals it, or not at all. */
  readonly commit?: () => void;
}

/** Whether work may begin. */
export type Verdict =
  | { readonly kind: "admit" }
  | { readonly kind: "refuse"; readonly reason: RefusalReason; readonly detail: string };

/** The verdict of a service that has nothing against the work. */
export const ADMIT: Verdict = { kind: "admit" };

/** A helper that work depends on; one that is missing makes the node less able, never unable to start. */
export interface Capability {
  readonly name: string;
  readonly available: boolean;
  /** Why it is not available. */
  readonly why?: string;
}

/** What is free on the node for new work, the owner's limits and running work taken off. */
export interface NodeView {
  readonly freeMemoryBytes: number;
  readonly freeDiskBytes: number;
  /** Traffic that the owner's daily allowance still has, in bytes; Infinity where there is none. */
  readonly freeTrafficBytes: number;
}

/** What work may hold while it waits and runs, so that no two tasks are promised the same memory, disk or traffic. */
export interface Demand {
  readonly memoryBytes: number;
  readonly diskBytes: number;
  /** Traffic that is known before it begins, such as a download of announced size. */
  readonly trafficBytes?: number;
}

/** The demand of nothing. */
export const NO_DEMAND: Demand = { memoryBytes: 0, diskBytes: 0 };

/** What running work is handed besides its specification. */
export interface TaskContext {
  /** Aborted when the agent stops or the work is withdrawn: end at once, leave nothing running. */
  readonly signal: AbortSignal;
  /** Tells people how far it is. */
  readonly progress: (text: string) => void;
  /** Hexadecimal id of the assignment or challenge, for names that must be unique. */
  readonly taskId: string;
}

/** One kind of work. `measure`, `store` and `compute` are these; a fourth is one folder. */
export interface Service<Spec> {
  readonly kind: string;
  readonly capabilities: readonly Capability[];
  /** The specification, or what is wrong with it. */
  parse(spec: WireObject): Result<Spec, ProtocolError>;
  /** The most that the work may hold. */
  demand(spec: Spec): Demand;
  /** Whether this node can and may do it now. Looks at the node only: nothing is sent, nothing is begun. */
  admit(spec: Spec, node: NodeView): Verdict;
  /** Does the work. Never rejects: whatever goes wrong is an outcome. */
  execute(spec: Spec, context: TaskContext): Promise<ServiceOutcome>;
  /** What to do with work that was running when the process died. */
  recover(spec: Spec): "again" | "fail";
}
