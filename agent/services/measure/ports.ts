import type { MeasureResult, Usage } from "../../../protocol/index.ts";
import type { Subnet } from "./address-policy.ts";
import type { Job } from "./runner/job.ts";

/** What a measurement has to know of the node's own place in the network. */
export interface HostNetwork {
  /** The networks of its interfaces, and those that its IPv6 routes keep for it. */
  readonly onLink: readonly Subnet[];
  /** The system's name servers, as addresses with an optional port, in the order to ask them. */
  readonly resolvers: readonly string[];
  /** Whether it has IPv6 addresses that lead out, but no such IPv4 address. */
  readonly prefersIpv6: boolean;
}

/** How a job under way talks to the service. */
export interface RunHooks {
  /** Ends the child and all that it started at once. */
  readonly signal: AbortSignal;
  /** The rule against any of the addresses that the child is about to ask. */
  readonly refusalOf: (addresses: readonly string[]) => string | undefined;
  /** A target is done; `done` of them are. */
  readonly onResult: (done: number) => void;
}

/** How a job ended. `broken`: the child died, or did not keep to the protocol. */
export type RunEnding =
  | { readonly kind: "completed" }
  | { readonly kind: "aborted" }
  | { readonly kind: "wall-time" }
  | { readonly kind: "broken"; readonly why: string };

/** What is left of a job: the results of the targets that were done, and what it used until its end. */
export interface RunOutcome {
  readonly ending: RunEnding;
  readonly results: readonly MeasureResult[];
  readonly usage: Usage;
}

/** Runs one job in a process of its own. Never rejects. */
export type RunJob = (job: Job, hooks: RunHooks) => Promise<RunOutcome>;
