import type { MeasureResult } from "../../../../protocol/index.ts";

/**
 * What the agent and its measuring child say to each other: one JSON object a line. The agent writes a job and, later, answers;
 * the child writes questions, results and an end, and leaves when its standard input is closed. The child imports nothing of
 * the other rooms (types vanish): loading their doors would cost as much CPU as all of the measuring.
 */

/** One target as its method understands it. */
export interface Target {
  /** As the assignment names it. */
  readonly text: string;
  /** A canonical IPv4 or IPv6 address, or a DNS name in lower case without a trailing dot. */
  readonly host: string;
  /** `tcp` and `http`. */
  readonly port?: number;
  /** `http`: path and query, printable ASCII. */
  readonly path?: string;
  /** `http`: over TLS. */
  readonly isSecure?: boolean;
}

/** A DNS server. */
export interface Server {
  /** An IPv4 or IPv6 address; one of the system's may carry a zone. */
  readonly address: string;
  readonly port: number;
}

export type RecordType = "A" | "AAAA" | "CNAME" | "MX" | "NS" | "TXT";

/** All that the child has to know. */
export interface Job {
  readonly method: "ping" | "dns" | "tcp" | "http";
  readonly targets: readonly Target[];
  /** Probes per target. */
  readonly count: number;
  /** Longest wait for one answer. */
  readonly timeoutMs: number;
  readonly intervalMs: number;
  /** For everything together. */
  readonly budgetMs: number;
  /** `dns`: what is asked for. */
  readonly recordType: RecordType;
  /** `dns`: the server that is measured, the first one. Else: where names are looked up, in this order. */
  readonly servers: readonly Server[];
  /** Whether a name's IPv6 addresses are looked up before its IPv4 ones. */
  readonly prefersIpv6: boolean;
  /** `ping`: the time between two packets, in seconds, as the program takes it. */
  readonly pingInterval: string;
  /** `http` */
  readonly userAgent: string;
  /** Certificate authorities in PEM that are believed besides Node's own. */
  readonly trustedRoots: readonly string[];
}

/** Bytes that this work sent and received, as counted by the child. */
export interface Traffic {
  readonly upBytes: number;
  readonly downBytes: number;
}

/** Why a probe has no answer. */
export type Failure = NonNullable<MeasureResult["failure"]>;

/** What the agent answers to a question: the rule against the addresses, or nothing. */
export interface RunnerAnswer {
  readonly refusal?: string;
}

/** What the child says. A question stops it until the answer is there. */
export type RunnerWord =
  | { readonly kind: "ask"; readonly addresses: readonly string[] }
  | { readonly kind: "result"; readonly result: MeasureResult; readonly traffic: Traffic }
  | { readonly kind: "end"; readonly traffic: Traffic };
