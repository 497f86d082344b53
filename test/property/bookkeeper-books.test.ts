/*
 * Double entry as a law: after every record of any sequence, all accounts together are zero, each node's balance is the sum of its
 * transfers, and an audit that replays the records agrees to the unit. Random policies, proofs, presence and reversals, from a printed seed.
 */
import fc from "fast-check";
import t from "tap";
import { auditLedger } from "../../bookkeeper/ledger/audit.ts";
import type { Ledger } from "../../bookkeeper/ledger/ledger-store.ts";
import type { LedgerRecord } from "../../bookkeeper/ledger/records.ts";
import { loadEd25519, type Tier, type Usage } from "../../protocol/index.ts";
import { type Desk, makeDesk, POLICY_TOML } from "../sim/bookkeeper-desk.ts";
import type { ModelNode } from "../sim/bookkeeper-node.ts";
import { printedSeed } from "../sim/printed-seed.ts";

const { ed25519 } = await loadEd25519();

const amount = fc.oneof(fc.bigInt(0n, 10n ** 6n), fc.bigInt(0n, 2n ** 40n), fc.bigInt(0n, 2n ** 63n - 1n));
const usage: fc.Arbitrary<Usage> = fc.record({
  cpuMicros: amount,
  memoryByteSeconds: amount,
  upBytes: amount,
  downBytes: amount,
  diskByteSeconds: amount,
});
const rate = fc.oneof(fc.integer({ min: 0, max: 1_000 }), fc.integer({ min: 0, max: 10 ** 12 }));

type Step =
  | { readonly kind: "policy"; readonly weight: number; readonly rate: number }
  | { readonly kind: "presence"; readonly node: number; readonly durationMs: number; readonly tier: Tier }
  | { readonly kind: "proof"; readonly node: number; readonly usage: Usage; readonly of: string; readonly done: boolean }
  | { readonly kind: "reversal"; readonly which: number }
  | { readonly kind: "node"; readonly node: number };

const node = fc.integer({ min: 0, max: 2 });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant("policy" as const), weight: fc.integer({ min: 0, max: 10 ** 9 }), rate }),
  fc.record({
    ...{ kind: fc.constant("presence" as const), node, durationMs: fc.integer({ min: 0, max: 2 ** 40 }) },
    tier: fc.constantFrom<Tier>("Lite", "Normal", "Super"),
  }),
  fc.record({
    ...{ kind: fc.constant("proof" as const), node, usage, done: fc.boolean() },
    of: fc.constantFrom("measure", "store", "compute", "unheard-of"),
  }),
  fc.record({ kind: fc.constant("reversal" as const), which: fc.nat({ max: 20 }) }),
  fc.record({ kind: fc.constant("node" as const), node }),
);

/** Turns steps into records that a bookkeeper can have written; a reversal without a proof to reverse is left out. */
function makeWriter(desk: Desk, nodes: readonly ModelNode[]) {
  let version = 1;
  let proofs: { height: number; node: Uint8Array }[] = [];
  return (height: number, step: Step): LedgerRecord | undefined => {
    const atMs = height * 10;
    if (step.kind === "policy") {
      version += 1;
      const toml = POLICY_TOML.replace("version = 1", `version = ${version}`)
        .replace("work = 1_000_000", `work = ${step.weight}`)
        .replace("cpu_second = 278", `cpu_second = ${step.rate}`);
      return { type: "policy", atMs, toml };
    }
    if (step.kind === "reversal") {
      const reversed = proofs[step.which % Math.max(1, proofs.length)];
      proofs = proofs.filter((each) => each !== reversed);
      return reversed === undefined ? undefined : { type: "reversal", atMs, detail: "x", ...reversed };
    }
    const model = nodes[step.node];
    if (model === undefined) return undefined;
    const key = model.key.publicKey;
    if (step.kind === "presence") return { type: "presence", atMs, node: key, durationMs: step.durationMs, tier: step.tier };
    if (step.kind === "node") return { type: "node", atMs, node: key, envelope: model.describe().envelope };
    proofs.push({ height, node: key });
    const ending = step.done ? {} : { outcome: "failed" as const, reason: "trap" as const };
    const claims = { bookkeeper: desk.key.publicKey, assignment: desk.random.bytes(16), evidence: {} };
    const { envelope } = model.prove({ ...claims, kind: step.of, usage: step.usage, ...ending });
    return { type: "proof", atMs, node: key, envelope };
  };
}

function sumOfAll(ledger: Ledger): bigint {
  return ledger.accounts.all().reduce((sum, { balance }) => sum + balance, 0n);
}

t.test("all accounts together are zero at every height, and the replay agrees", async (t) => {
  const seed = printedSeed(t);
  const property = fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
    const desk = makeDesk(t, ed25519);
    const { ledger } = desk;
    const nodes = [desk.join(), desk.join(), desk.join()];
    const write = makeWriter(desk, nodes);
    let expected = 0n;
    for (const each of steps) {
      const record = write(ledger.records.tip().height + 1, each);
      if (record === undefined) continue;
      expected += ledger.transaction(() => ledger.records.append(record)).credited;
      if (sumOfAll(ledger) !== 0n) return false;
    }
    const { problems, issued } = auditLedger(ledger);
    const held = nodes.reduce((sum, { key }) => sum + ledger.accounts.total(key.publicKey), 0n);
    const moved = nodes
      .flatMap(({ key }) => ledger.accounts.entries(key.publicKey, 1_000))
      .reduce((sum, entry) => sum + entry.microPoints, 0n);
    ledger.close();
    return problems.length === 0 && issued === expected && held === expected && moved === expected;
  });
  fc.assert(property, { seed, numRuns: 60 });
  t.pass();
});

t.test("batches of any size book the same as one record after the other", async (t) => {
  const seed = printedSeed(t);
  const property = fc.property(fc.array(step, { maxLength: 30 }), fc.integer({ min: 1, max: 9 }), (steps, size) => {
    const tips = [1, size].map((batchSize) => {
      const desk = makeDesk(t, ed25519);
      const { ledger } = desk;
      const write = makeWriter(desk, [desk.join(), desk.join(), desk.join()]);
      for (let from = 0; from < steps.length; from += batchSize) {
        let { height } = ledger.records.tip();
        ledger.transaction(() => {
          for (const each of steps.slice(from, from + batchSize)) {
            const record = write(height + 1, each);
            if (record !== undefined) height = ledger.records.append(record).height;
          }
        });
      }
      const state = [ledger.records.tip(), ledger.accounts.all(), auditLedger(ledger)];
      ledger.close();
      return JSON.stringify(state, (_key, value) => (typeof value === "bigint" ? String(value) : value));
    });
    return tips[0] === tips[1];
  });
  fc.assert(property, { seed, numRuns: 40 });
  t.pass();
});
