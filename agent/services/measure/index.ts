/**
 * measure: how the network looks from this node. Ping by the system's ping(8), DNS, TCP connect and HTTP by a short-lived
 * child, against targets that a policy lets through before anything is sent.
 */
export { readHostNetwork } from "./host-network-linux.ts";
export { type MeasureNeeds, type MeasureOptions, makeMeasureService } from "./measure-service.ts";
export { detectPing, type PingProgram } from "./ping-program.ts";
export type { HostNetwork, RunJob } from "./ports.ts";
export { type JobRunnerNeeds, makeJobRunner } from "./runner-linux.ts";
