/*
 * Appends to a ledger as fast as it can until it is killed, and says on standard output how far it came each time something was on disk:
 * `node bookkeeper-ledger-child.ts PATH SEED`.
 */
import { readFileSync } from "node:fs";
import { makeSeededRandom } from "../../base/index.ts";
import { openLedger } from "../../bookkeeper/ledger/ledger-store.ts";

const [path = "", seed = "1"] = process.argv.slice(2);
const POLICY = new URL("../../bookkeeper/policies/contribution-1.toml", import.meta.url);
const random = makeSeededRandom(Number(seed));
const ledger = openLedger(path);

if (ledger.records.tip().height === 0)
  ledger.transaction(() => ledger.records.append({ type: "policy", atMs: 1, toml: readFileSync(POLICY, "utf8") }));

for (;;) {
  const node = new Uint8Array(32).fill(1 + Math.floor(random.fraction() * 5));
  const height = ledger.transaction(() => {
    const count = 1 + Math.floor(random.fraction() * 40);
    const seq = ledger.nodes.stateOf(node)?.head?.seq ?? 0;
    if (seq === 0) ledger.nodes.register(node, new Uint8Array(1), new Uint8Array(32));
    for (let index = 0; index < count; index++)
      ledger.records.append({ type: "presence", atMs: 2, node, durationMs: 60_000, tier: "Normal" });
    ledger.nodes.setHead(node, { bootCount: 1, seq: seq + count, hash: new Uint8Array(32) });
    return ledger.records.tip().height;
  });
  process.stdout.write(`${height}\n`);
}
