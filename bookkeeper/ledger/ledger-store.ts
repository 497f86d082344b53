import { BaseError, openDatabase } from "../../base/index.ts";
import { LEDGER_CACHE_KIB, LEDGER_CHECKPOINT_PAGES } from "../limits.ts";
import { openAccountTable } from "./accounts-store.ts";
import { openAssignmentTable } from "./assignments-store.ts";
import { openBeaconTable } from "./beacons-store.ts";
import { openNodeTable } from "./nodes-store.ts";
import { openOrderTable } from "./orders-store.ts";
import { openPlacementTable } from "./placements-store.ts";
import { openProofTable } from "./proofs-store.ts";
import { openRecordTable } from "./records-store.ts";
import { LEDGER_SCHEMA, STANDINGS_SCHEMA } from "./schema.ts";
import { openStandingTable } from "./standings-store.ts";

export type Ledger = ReturnType<typeof openTables>;

/**
 * Opens the bookkeeper's ledger. Throws BaseError `database-corrupt` for a file that is none: it is never replaced. `maxPages` bounds it
 * for tests of a full disk.
 */
export function openLedger(path: string, options: { readonly readOnly?: boolean; readonly maxPages?: number } = {}): Ledger {
  try {
    return openTables(path, options);
  } catch (thrown) {
    if (!(thrown instanceof BaseError) || thrown.code !== "database-corrupt") throw thrown;
    const advice = "the ledger was left as it is: restore it from your copy";
    throw new BaseError(thrown.code, `${thrown.message}; ${advice}`, { cause: thrown });
  }
}

function openTables(path: string, options: { readonly readOnly?: boolean; readonly maxPages?: number }) {
  const database = openDatabase({ path, migrations: [LEDGER_SCHEMA, STANDINGS_SCHEMA], ...options });
  try {
    // A ledger is larger than what the agent keeps, and its busy pages are worth keeping at hand and out of checkpoints.
    database.prepare(`PRAGMA cache_size = -${LEDGER_CACHE_KIB}`).get();
    database.prepare(`PRAGMA wal_autocheckpoint = ${LEDGER_CHECKPOINT_PAGES}`).get();
    const accounts = openAccountTable(database);
    const records = openRecordTable(database, accounts);
    return {
      /** Runs several of the calls below as one transaction: all on disk when it returns, or none. */
      transaction: <Value>(work: () => Value): Value => {
        try {
          return database.transaction(() => {
            records.begin();
            const value = work();
            accounts.flush();
            return value;
          });
        } finally {
          accounts.discard();
        }
      },
      records,
      accounts,
      nodes: openNodeTable(database),
      proofs: openProofTable(database),
      assignments: openAssignmentTable(database),
      beacons: openBeaconTable(database),
      placements: openPlacementTable(database),
      orders: openOrderTable(database),
      standings: openStandingTable(database),
      close: () => database.close(),
    };
  } catch (thrown) {
    database.close();
    throw thrown;
  }
}
