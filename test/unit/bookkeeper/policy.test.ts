/*
 * The contribution formula P = W_O*P_O + W_T*(P_W + P_B) in whole micro-points. Hand-computed values at each rate and rounding edge, the
 * largest numbers that a proof can hold, and every mistake in a policy file with its line.
 */
import t from "tap";
import { BookkeeperError } from "../../../bookkeeper/errors.ts";
import { type LedgerRecord, transfersOf } from "../../../bookkeeper/ledger/records.ts";
import { MAX_POSTING_MICRO_POINTS } from "../../../bookkeeper/limits.ts";
import { bonusOf, type Policy, parsePolicy, valueOfPresence, valueOfWork } from "../../../bookkeeper/policy.ts";
import { putPolicyInForce } from "../../../bookkeeper/policy-in-force.ts";
import { loadEd25519, NO_USAGE, type Proof, type Usage } from "../../../protocol/index.ts";
import { makeDesk, POLICY_TOML } from "../../sim/bookkeeper-desk.ts";
import { makeModelNode } from "../../sim/bookkeeper-node.ts";

const { ed25519 } = await loadEd25519();

const POLICY: Policy = {
  version: 1,
  weights: { online: 500_000, work: 2_000_000 },
  usage: { cpu_second: 300, memory_gib_second: 70, traffic_mb: 100, disk_gib_hour: 41 },
  bonus: { measure: 501, store: 0, compute: 2_000 },
  online: { Lite: 10_000, Normal: 40_000, Super: 160_000 },
};
const GIB = 2n ** 30n;
const MOST = 2n ** 63n - 1n;

const valued = (usage: Partial<Usage>, policy = POLICY) => valueOfWork({ ...NO_USAGE, ...usage }, policy);

t.test("work is valued by its four parts, each weighted and rounded down by itself", async (t) => {
  t.strictSame(valued({}), { cpu: 0n, memory: 0n, traffic: 0n, disk: 0n });
  t.strictSame(valued({ cpuMicros: 1_000_000n }).cpu, 600n);
  t.strictSame(valued({ cpuMicros: 1_666n }).cpu, 0n, "0.9996 micro-points are none");
  t.strictSame(valued({ cpuMicros: 1_667n }).cpu, 1n);
  t.strictSame(valued({ memoryByteSeconds: 3n * GIB }).memory, 420n);
  t.strictSame(valued({ memoryByteSeconds: GIB - 1n }).memory, 139n);
  t.strictSame(valued({ upBytes: 400_000n, downBytes: 600_000n }).traffic, 200n, "both directions count together");
  t.strictSame(valued({ upBytes: 4_999n }).traffic, 0n);
  t.strictSame(valued({ upBytes: 4_999n, downBytes: 1n }).traffic, 1n);
  t.strictSame(valued({ diskByteSeconds: GIB * 3600n }).disk, 82n);
  t.strictSame(valued({ diskByteSeconds: GIB * 3600n - 1n }).disk, 81n);
});

t.test("bonus and presence are weighted by their own weights and rounded down", async (t) => {
  t.equal(bonusOf("measure", POLICY), 1_002n);
  t.equal(bonusOf("store", POLICY), 0n);
  t.equal(bonusOf("toString", POLICY), 0n, "a kind that nobody knows earns none");
  t.equal(bonusOf("measure", { ...POLICY, weights: { online: 0, work: 999_999 } }), 500n);
  t.equal(valueOfPresence(3_600_000, "Normal", POLICY), 20_000n);
  t.equal(valueOfPresence(60_000, "Lite", POLICY), 83n, "83.33 rounded down");
  t.equal(valueOfPresence(719, "Lite", POLICY), 0n);
  t.equal(valueOfPresence(720, "Lite", POLICY), 1n);
  t.equal(valueOfPresence(3_600_000, "Super", { ...POLICY, weights: { online: 0, work: 1 } }), 0n);
});

t.test("a proof moves work and bonus, each in one posting; a failed one moves nothing", async (t) => {
  const { random } = makeDesk(t, ed25519);
  const node = makeModelNode({ ed25519, random });
  const usage = { cpuMicros: 1_667n, memoryByteSeconds: GIB, upBytes: 5_000n, downBytes: 0n, diskByteSeconds: 0n };
  const prove = (more: Partial<Proof>): LedgerRecord => {
    const answer = { bookkeeper: node.key.publicKey, assignment: new Uint8Array(16), kind: "measure", evidence: {}, usage };
    const { envelope } = node.sign({ ...answer, ...more });
    return { type: "proof", atMs: 0, node: node.key.publicKey, envelope };
  };
  const recordAt = () => ({ record: prove({}), policy: POLICY });
  const moved = (record: LedgerRecord) =>
    transfersOf(record, POLICY, recordAt).map(({ part, microPoints }) => [part, microPoints]);
  t.strictSame(moved(prove({})), [
    ["work", 1n + 140n + 1n],
    ["bonus", 1_002n],
  ]);
  t.strictSame(moved(prove({ outcome: "failed", reason: "internal" })), []);
  t.strictSame(moved(prove({ kind: "store", usage: NO_USAGE })), [], "nothing is not posted");
  const reversal = { type: "reversal", atMs: 0, node: node.key.publicKey, height: 7, detail: "x" } as const;
  t.strictSame(moved(reversal), [
    ["work", -142n],
    ["bonus", -1_002n],
  ]);
});

t.test("what no honest task is worth is cut off at one amount, in both directions", async (t) => {
  const { random } = makeDesk(t, ed25519);
  const node = makeModelNode({ ed25519, random });
  const usage = { cpuMicros: MOST, memoryByteSeconds: MOST, upBytes: MOST, downBytes: MOST, diskByteSeconds: MOST };
  const dearest: Policy = {
    ...POLICY,
    weights: { online: 1e9, work: 1e9 },
    usage: { cpu_second: 1e12, memory_gib_second: 1e12, traffic_mb: 1e12, disk_gib_hour: 1e12 },
    bonus: { measure: 1e12, store: 1e12, compute: 1e12 },
    online: { Lite: 1e12, Normal: 1e12, Super: 1e12 },
  };
  t.ok(valueOfWork(usage, dearest).cpu > MOST, "the formula itself goes beyond 64 bits");
  const answer = { bookkeeper: node.key.publicKey, assignment: new Uint8Array(16), kind: "measure", evidence: {}, usage };
  const record = { type: "proof", atMs: 0, node: node.key.publicKey, envelope: node.sign(answer).envelope } as const;
  const recordAt = () => ({ record, policy: dearest });
  const amounts = (one: LedgerRecord) => transfersOf(one, dearest, recordAt).map((transfer) => transfer.microPoints);
  t.strictSame(amounts(record), [MAX_POSTING_MICRO_POINTS, MAX_POSTING_MICRO_POINTS]);
  const presence = {
    type: "presence",
    atMs: 0,
    node: node.key.publicKey,
    durationMs: Number.MAX_SAFE_INTEGER,
    tier: "Super",
  } as const;
  t.strictSame(amounts(presence), [MAX_POSTING_MICRO_POINTS]);
  const reversal = { type: "reversal", atMs: 0, node: node.key.publicKey, height: 1, detail: "x" } as const;
  t.strictSame(amounts(reversal), [-MAX_POSTING_MICRO_POINTS, -MAX_POSTING_MICRO_POINTS]);
  t.ok(MOST / MAX_POSTING_MICRO_POINTS > 9_000_000n, "millions of the largest postings fit an account");
});

t.test("a policy with a mistake is refused with the line and what to write instead", async (t) => {
  const problemOf = (from: string | RegExp, to: string): string => {
    const parsed = parsePolicy(POLICY_TOML.replace(from, to), "p.toml");
    return parsed.ok ? "" : parsed.error.join("\n");
  };
  const lineOf = (text: string): number => POLICY_TOML.split("\n").findIndex((line) => line.startsWith(text)) + 1;
  t.equal(problemOf("", ""), "");
  t.match(
    problemOf("cpu_second", "cpu_seconds"),
    new RegExp(`p.toml:${lineOf("cpu_second")}: unknown key .*did you mean cpu_second`),
  );
  t.match(problemOf("store = 500\n", ""), /^p.toml:\d+: missing key bonus.store/);
  t.match(problemOf("measure = 500", "measure = 0.5"), new RegExp(`^p.toml:${lineOf("measure")}: bonus.measure: a whole number`));
  t.match(problemOf("online = 1_000_000", "online = -1"), new RegExp(`^p.toml:${lineOf("online = 1")}: weights.online`));
  t.match(problemOf("Lite = 10_000", 'Lite = "much"'), new RegExp(`^p.toml:${lineOf("Lite")}: online.Lite: expected number`));
  t.match(problemOf("traffic_mb = 100", "traffic_mb = 1e13"), new RegExp(`^p.toml:${lineOf("traffic_mb")}: usage.traffic_mb`));
  t.match(problemOf("[weights]", "[weights"), new RegExp(`^p.toml:${lineOf("[weights]")}: not TOML`));
});

t.test("a policy is recorded when it changes, under a version of its own, and old records keep theirs", async (t) => {
  const { ledger, clock } = makeDesk(t, ed25519);
  const put = (toml: string): boolean => putPolicyInForce(ledger, { toml, fileName: "p.toml" }, clock.wallMs());
  t.equal(put(`# only a comment\n${POLICY_TOML}`), false, "the same figures are no new policy");
  t.equal(ledger.records.tip().height, 1);
  const node = new Uint8Array(32).fill(1);
  const presence = { type: "presence", atMs: 0, node, durationMs: 3_600_000, tier: "Normal" } as const;
  ledger.transaction(() => ledger.records.append(presence));
  t.throws(() => put(POLICY_TOML.replace("Normal = 40_000", "Normal = 50_000")), { code: "bad-config", message: /version 1/ });
  t.throws(() => put("version = 1"), BookkeeperError);
  t.equal(put(POLICY_TOML.replace("Normal = 40_000", "Normal = 50_000").replace("version = 1", "version = 2")), true);
  ledger.transaction(() => ledger.records.append(presence));
  t.equal(put(POLICY_TOML), true, "back to an earlier one is a change, too");
  ledger.transaction(() => ledger.records.append(presence));
  t.strictSame(
    ledger.accounts.entries(node, 10).map((entry) => [entry.height, entry.microPoints]),
    [
      [6, 40_000n],
      [4, 50_000n],
      [2, 40_000n],
    ],
  );
  t.match(ledger.records.currentPolicy(), { version: 1 });
});
