import { assert, type Database } from "../../base/index.ts";

/** A single assignment that somebody asked for with `bonusnode assign`. */
export interface OrderRow {
  readonly id: Uint8Array;
  readonly toml: string;
  readonly fileName: string;
  /** Why it could not be issued; absent while it waits and after it was. */
  readonly problem?: string;
  readonly assignment?: Uint8Array;
}

export type OrderTable = ReturnType<typeof openOrderTable>;

/** The orders in the ledger's database, left there by another process. */
export function openOrderTable(database: Database) {
  const waiting = database.prepare("SELECT * FROM orders WHERE assignment IS NULL AND problem IS NULL ORDER BY rowid");
  const select = database.prepare("SELECT * FROM orders WHERE id = ?");
  const insert = database.prepare("INSERT INTO orders VALUES (?, ?, ?, NULL, NULL)");
  const issued = database.prepare("UPDATE orders SET assignment = ? WHERE id = ? AND assignment IS NULL");
  const refused = database.prepare("UPDATE orders SET problem = ? WHERE id = ?");
  const asOrder = (row: Record<string, unknown>): OrderRow => ({
    id: row["id"] as Uint8Array,
    toml: row["toml"] as string,
    fileName: row["file_name"] as string,
    ...(row["problem"] === null ? {} : { problem: row["problem"] as string }),
    ...(row["assignment"] === null ? {} : { assignment: row["assignment"] as Uint8Array }),
  });
  return {
    add: (id: Uint8Array, toml: string, fileName: string): void => void insert.run(id, toml, fileName),
    get: (id: Uint8Array): OrderRow | undefined => {
      const row = select.get(id);
      return row === undefined ? undefined : asOrder(row);
    },
    waiting: (): OrderRow[] => waiting.all().map(asOrder),
    /** It was issued. Throws where it had been before: then the transaction that issues it again must not happen. */
    setIssued: (id: Uint8Array, assignment: Uint8Array): void => {
      assert(issued.run(assignment, id).changes > 0, "an order is issued once");
    },
    setProblem: (id: Uint8Array, problem: string): void => void refused.run(problem, id),
  };
}
