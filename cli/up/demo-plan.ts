/** Where the demonstration's own servers are, for the plan to measure. */
export interface DemoTargets {
  /** `host:port` of the embedded broker. */
  readonly broker: string;
  /** URL of the bookkeeper's blob server. */
  readonly door: string;
}

/** The module that the plan computes with, beside the plan. */
export const DEMO_MODULE = "primes.wasm";

/**
 * The plan of `bonusnode up`, as a file that its reader can learn from: something of each kind every few seconds, small enough for the
 * least machine, and sent nowhere but to this machine.
 */
export function demoPlan(targets: DemoTargets): string {
  return `# The plan of "bonusnode up", written anew at each start. A plan of your own looks like this; see packaging/bookkeeper/plan.toml.
version = 1

[[items]]
name = "watch-broker"
every = "9s"
measure = { method = "tcp", targets = ["${targets.broker}"], count = 3, timeout = "2s" }

[[items]]
name = "watch-door"
every = "14s"
measure = { method = "http", targets = ["${targets.door}"], count = 2, timeout = "2s" }

[[items]]
name = "keep-blob"
every = "20s"
store = { size = "24KiB", keep = "45s", challenge_every = "10s" }

[[items]]
name = "count-primes"
every = "12s"
compute = { module = "${DEMO_MODULE}", args = ["2000000"], wall = "30s", cpu = "20s", memory = "32MiB", isolation = "process" }
`;
}
