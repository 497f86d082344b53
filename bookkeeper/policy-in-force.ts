import { BookkeeperError } from "./errors.ts";
import type { Ledger } from "./ledger/ledger-store.ts";
import { policyOf } from "./ledger/records.ts";
import { parsePolicy } from "./policy.ts";

/**
 * Records a policy, which counts from there on; answers false where its figures are in force already. Throws BookkeeperError
 * `bad-config` for one that cannot be read, or that gives other figures under a version that was recorded before.
 */
export function putPolicyInForce(
  ledger: Ledger,
  { toml, fileName }: { readonly toml: string; readonly fileName: string },
  nowMs: number,
): boolean {
  const policy = parsePolicy(toml, fileName);
  if (!policy.ok) throw new BookkeeperError("bad-config", policy.error.join("\n"));
  const figures = JSON.stringify(policy.value);
  if (JSON.stringify(ledger.records.currentPolicy()) === figures) return false;
  for (const recorded of ledger.records.policies()) {
    const { version } = policy.value;
    const earlier = policyOf(recorded);
    if (earlier.version === version && JSON.stringify(earlier) !== figures) {
      throw new BookkeeperError(
        "bad-config",
        `${fileName}: version ${version} was in force with other figures before; give these a version of their own`,
      );
    }
  }
  ledger.transaction(() => ledger.records.append({ type: "policy", atMs: nowMs, toml }));
  return true;
}
