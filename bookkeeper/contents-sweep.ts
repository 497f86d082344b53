import { toHex } from "../base/index.ts";
import type { Contents } from "./contents-store.ts";
import type { Ledger } from "./ledger/ledger-store.ts";

/**
 * Removes the contents that nobody needs any more: no node keeps or is to take them, and no job with them waits to be repeated. A content is
 * put down before the assignment that names it is journaled, so it has to be found needless twice.
 */
export function makeSweep({ ledger, contents }: { readonly ledger: Ledger; readonly contents: Contents }) {
  let needless: ReadonlySet<string> = new Set();
  return {
    /** Looks at everything once. Throws what the disk throws. */
    next: (): void => {
      const wanted = new Set(ledger.assignments.neededBlobs().map(toHex));
      const found = contents.all().filter((hash) => !wanted.has(toHex(hash)) && !ledger.placements.isHeld(hash));
      for (const hash of found) if (needless.has(toHex(hash))) contents.remove(hash);
      needless = new Set(found.map(toHex));
    },
  };
}
