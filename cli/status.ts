import { type NodeStatus, readNodeStatus } from "../agent/index.ts";
import { BaseError, messageOf } from "../base/index.ts";
import { loadAgentConfig } from "./agent.ts";
import { EXIT } from "./exit-codes.ts";
import { chooseStateDirectory } from "./files-linux.ts";
import { formatPoints, jsonSafe } from "./points.ts";
import { formatTable } from "./table.ts";
import type { Terminal } from "./terminal.ts";
import { formatBytes } from "./units.ts";
import type { Verb } from "./world.ts";

/** What `bonusnode status` was asked for. */
export interface StatusVerbOptions {
  readonly config: string;
  readonly stateDir?: string;
  readonly json?: boolean;
}

/** Shows what this device does and earns, whether its agent runs or not. */
export async function runStatusVerb(options: StatusVerbOptions, verb: Verb): Promise<number> {
  const { terminal } = verb;
  const config = await loadAgentConfig(options, verb);
  const configured = config.ok ? config.value.state_dir : "/var/lib/bonusnode";
  const directory = chooseStateDirectory(options.stateDir, verb.env, configured);
  try {
    const status = readNodeStatus(directory);
    if (status === undefined) {
      terminal.error(`${directory}: the agent has not come up there yet; start it with "bonusnode agent"`);
      return EXIT.failure;
    }
    if (options.json === true) {
      terminal.printJson(jsonSafe(status));
      return EXIT.ok;
    }
    const proofs = `${status.acceptedProofs} accepted, ${status.refusedProofs} refused, ${status.waitingProofs} waiting for a receipt`;
    const isolation = status.isolation === undefined ? "none" : `${status.isolation.level} (${status.isolation.mechanism})`;
    const rows = [
      ["node", status.node],
      ["board", status.board],
      ["tier", terminal.style("good", status.tier)],
      ["why", status.reasons.join(" ")],
      ...demotions(status, terminal),
      ["takes", status.kinds.join(", ")],
      ["isolation", isolation],
      ["earned", status.contribution === undefined ? "nothing yet" : `${formatPoints(status.contribution)} points`],
      ["proofs", proofs],
      ["tasks", `${status.openTasks} waiting or running`],
      ["keeps", `${status.blobs} blobs, ${formatBytes(status.blobBytes)}`],
    ];
    terminal.print(formatTable(rows, { width: terminal.width }));
    return EXIT.ok;
  } catch (thrown) {
    const isDamaged = thrown instanceof BaseError && thrown.code === "database-corrupt";
    terminal.error(
      isDamaged
        ? `${thrown.message}; the agent sets it aside when it starts, and begins a new one`
        : `${directory}: no agent's state there (${messageOf(thrown)}); name it with --state-dir`,
    );
    return EXIT.failure;
  }
}

/** Bookkeepers that take the node for less than it claims, and why. */
function demotions({ tier, granted }: NodeStatus, terminal: Terminal): readonly string[][] {
  return Object.entries(granted)
    .filter(([, given]) => given.tier !== tier)
    .map(([bookkeeper, { tier: given, why }]) => [
      "demoted",
      `${terminal.style("warning", given)} to bookkeeper ${bookkeeper.slice(0, 12)}: ${why ?? "it gave no reason"}`,
    ]);
}
