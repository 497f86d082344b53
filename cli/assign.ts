import { basename, join } from "node:path";
import { makeSystemRandom, messageOf, parseDurationMs, QUANTITY_FORMS, toHex } from "../base/index.ts";
import { type Ledger, openLedger, parseOrder } from "../bookkeeper/index.ts";
import { chooseLedgerDirectory } from "./account.ts";
import { EXIT } from "./exit-codes.ts";
import { isThere, readTextFile } from "./files-linux.ts";
import type { Verb } from "./world.ts";

/** What `bonusnode assign` was asked for. */
export interface AssignVerbOptions {
  readonly stateDir?: string;
  readonly wait?: string;
  readonly json?: boolean;
}

/** How often the order is looked at while it is waited for, in milliseconds. */
const LOOK_MS = 250;

/**
 * Leaves an order in the ledger's database, where the bookkeeper finds it (at once when it runs, else when it starts), and waits for
 * the outcome if asked to.
 */
export async function runAssignVerb(file: string, options: AssignVerbOptions, verb: Verb): Promise<number> {
  const { terminal } = verb;
  const waitMs = options.wait === undefined ? 0 : parseDurationMs(options.wait);
  if (waitMs === undefined) {
    terminal.error(`--wait ${options.wait}: ${QUANTITY_FORMS.duration}`);
    return EXIT.usage;
  }
  const text = await readTextFile(
    file,
    "an order looks like an item of a plan, without every; see packaging/bookkeeper/plan.toml",
  );
  if (!text.ok) {
    terminal.error(text.error);
    return EXIT.configuration;
  }
  const order = parseOrder(text.value, file);
  if (!order.ok) {
    terminal.error(order.error.join("\n"));
    return EXIT.configuration;
  }
  const directory = chooseLedgerDirectory(options.stateDir, verb);
  if (!isThere(join(directory, "ledger.db"))) {
    terminal.error(
      `${directory}: no bookkeeper's state there; start it with "bonusnode bookkeeper", or name it with --state-dir`,
    );
    return EXIT.failure;
  }
  const ledger = openLedger(join(directory, "ledger.db"));
  try {
    const id = makeSystemRandom().bytes(16);
    ledger.transaction(() => ledger.orders.add(id, text.value, basename(file)));
    if (waitMs === 0) {
      if (options.json === true) terminal.printJson({ order: toHex(id), state: "waiting" });
      else terminal.print(`order ${toHex(id)} is left for the bookkeeper; "--wait 30s" would wait for its proof`);
      return EXIT.ok;
    }
    return await waitFor(ledger, id, waitMs, options, verb);
  } catch (thrown) {
    terminal.error(messageOf(thrown));
    return EXIT.failure;
  } finally {
    ledger.close();
  }
}

async function waitFor(ledger: Ledger, id: Uint8Array, waitMs: number, options: AssignVerbOptions, verb: Verb): Promise<number> {
  const { terminal } = verb;
  const until = verb.clock.monotonicMs() + waitMs;
  for (;;) {
    const order = ledger.orders.get(id);
    const assignment = order?.assignment === undefined ? undefined : ledger.assignments.get(order.assignment);
    const state = order?.problem ?? assignment?.state ?? "waiting for a node that can take it";
    const isOver = order?.problem !== undefined || (assignment !== undefined && assignment.state !== "issued");
    const hasTime = verb.clock.monotonicMs() < until;
    if (!isOver && hasTime) {
      terminal.progress(`order ${toHex(id).slice(0, 12)}: ${state}`);
      await verb.clock.sleep(LOOK_MS);
      continue;
    }
    terminal.progress(undefined);
    const detail = assignment?.detail === undefined ? "" : ` (${assignment.detail})`;
    if (options.json === true) {
      const { state: settled, proofHeight } = assignment ?? {};
      terminal.printJson({
        order: toHex(id),
        state: settled ?? "waiting",
        problem: order?.problem,
        detail: assignment?.detail,
        record: proofHeight,
      });
    } else if (isOver) {
      terminal.print(
        `order ${toHex(id).slice(0, 12)}: ${state}${detail}${assignment?.proofHeight === undefined ? "" : `, record ${assignment.proofHeight}`}`,
      );
    } else {
      terminal.error(
        `order ${toHex(id).slice(0, 12)}: still ${state} after ${options.wait}; it goes on without being waited for`,
      );
    }
    return assignment?.state === "proved" ? EXIT.ok : EXIT.failure;
  }
}
