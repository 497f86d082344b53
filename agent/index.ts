/**
 * agent: the program on the device. It says what the machine is, takes signed assignments that its owner's limits allow, does the work
 * under a meter, and answers with signed, chained proofs that wait in a durable outbox until a bookkeeper's receipt releases them.
 */
export { type AgentConfig, type OwnerLimits, parseAgentConfig } from "./config.ts";
export { AgentError, type AgentErrorCode } from "./errors.ts";
export type { AgentEvent } from "./events.ts";
export type { AgentRun, RunningAgent } from "./main.ts";
export { type NodeStatus, readNodeStatus } from "./status.ts";

/** Composes the agent and starts it. Its parts are loaded only now: verbs that merely look at something stay light. */
export async function startAgent(...args: Parameters<typeof import("./main.ts").startAgent>) {
  return (await import("./main.ts")).startAgent(...args);
}
