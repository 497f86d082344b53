import { join } from "node:path";
import { toHex } from "../base/index.ts";
import { auditLedger, type EntryRow, type Ledger, type LedgerRecord, openLedger } from "../bookkeeper/index.ts";
import { formatId, parseEnvelope, parseId, proofMessage } from "../protocol/index.ts";
import { DEFAULT_BOOKKEEPER_DIRECTORY } from "./bookkeeper.ts";
import { EXIT } from "./exit-codes.ts";
import { chooseStateDirectory, isThere } from "./files-linux.ts";
import { formatPoints, jsonSafe } from "./points.ts";
import { formatTable } from "./table.ts";
import { formatBytes, formatDurationMs } from "./units.ts";
import { upDirectoryOf } from "./up.ts";
import type { Verb } from "./world.ts";

/** What the account verbs were asked for. */
export interface AccountOptions {
  readonly stateDir?: string;
  readonly json?: boolean;
  readonly entries?: string;
}

/** Every node's account. */
export function runAccountList(options: AccountOptions, verb: Verb): Promise<number> {
  return withLedger(options, verb, (ledger) => {
    const accounts = ledger.nodes.all().map((node) => {
      const parts = ledger.accounts.of(node.key);
      return { node: formatId(node.key), ...parts, total: parts.online + parts.work + parts.bonus };
    });
    if (options.json === true) verb.terminal.printJson(jsonSafe(accounts));
    else if (accounts.length === 0) verb.terminal.note("no node has registered yet");
    else {
      const head = ["node", "online", "work", "bonus", "points"].map((title) => verb.terminal.style("title", title));
      const rows = accounts.map((each) => [each.node, ...[each.online, each.work, each.bonus, each.total].map(formatPoints)]);
      verb.terminal.print(formatTable([head, ...rows], { alignRight: [1, 2, 3, 4] }));
    }
    return EXIT.ok;
  });
}

/** One node's account: its balances, and the newest entries with the records behind them. */
export function runAccountShow(node: string, options: AccountOptions, verb: Verb): Promise<number> {
  const { terminal } = verb;
  const key = parseId(node);
  if (!key.ok) {
    terminal.error(key.error.message);
    return Promise.resolve(EXIT.usage);
  }
  const count = Number(options.entries ?? "20");
  if (!Number.isSafeInteger(count) || count < 1) {
    terminal.error(`--entries ${options.entries}: a whole number from 1`);
    return Promise.resolve(EXIT.usage);
  }
  return withLedger(options, verb, (ledger) => {
    if (ledger.nodes.get(key.value) === undefined) {
      terminal.error(`${node} has never registered here; "bonusnode account list" shows who has`);
      return EXIT.failure;
    }
    const parts = ledger.accounts.of(key.value);
    const total = parts.online + parts.work + parts.bonus;
    const entries = ledger.accounts.entries(key.value, count);
    if (options.json === true) {
      terminal.printJson(
        jsonSafe({
          node,
          ...parts,
          total,
          entries: entries.map((entry) => ({ ...withoutRecord(entry), ...basisOf(entry.record) })),
        }),
      );
      return EXIT.ok;
    }
    const balances = [
      ["online", formatPoints(parts.online)],
      ["work", formatPoints(parts.work)],
      ["bonus", formatPoints(parts.bonus)],
      ["total", formatPoints(total)],
    ];
    terminal.print(formatTable([["node", node], ...balances]));
    terminal.print();
    const head = ["record", "time", "points", "for", "C", "M", "B", "D"].map((title) => terminal.style("title", title));
    terminal.print(formatTable([head, ...rowsOf(entries)], { alignRight: [0, 2, 4, 5, 6, 7] }));
    terminal.note("C is CPU time, M memory over time, B bytes moved, D disk over time, as the proof in that record states them.");
    return EXIT.ok;
  });
}

/** Replays the ledger and compares. */
export function runAccountAudit(options: AccountOptions, verb: Verb): Promise<number> {
  return withLedger(options, verb, (ledger) => {
    const report = auditLedger(ledger);
    if (options.json === true) verb.terminal.printJson(jsonSafe(report));
    else {
      for (const problem of report.problems) verb.terminal.print(`${verb.terminal.style("bad", "wrong")}  ${problem}`);
      const verdict =
        report.problems.length === 0
          ? verb.terminal.style("good", "the replay agrees to the unit")
          : verb.terminal.style("bad", "the ledger contradicts itself");
      verb.terminal.print(
        `${report.records} records, ${report.proofs} proofs, ${report.transfers} transfers, ${formatPoints(report.issued)} points issued: ${verdict}`,
      );
    }
    return report.problems.length === 0 ? EXIT.ok : EXIT.invalid;
  });
}

/** Opens the ledger in the chosen state directory; where none is named, the one of `bonusnode up` when only that is there. */
async function withLedger(options: AccountOptions, verb: Verb, work: (ledger: Ledger) => number): Promise<number> {
  const directory = chooseLedgerDirectory(options.stateDir, verb);
  const path = join(directory, "ledger.db");
  if (!isThere(path)) {
    verb.terminal.error(`${directory}: no ledger there; name the bookkeeper's state directory with --state-dir`);
    return EXIT.failure;
  }
  const ledger = openLedger(path, { readOnly: true });
  try {
    return work(ledger);
  } finally {
    ledger.close();
  }
}

/** The bookkeeper's state directory that a verb means. */
export function chooseLedgerDirectory(flag: string | undefined, verb: Pick<Verb, "env">): string {
  const chosen = chooseStateDirectory(flag, verb.env, DEFAULT_BOOKKEEPER_DIRECTORY);
  const ofUp = upDirectoryOf(verb.env, "bookkeeper");
  const isNamed = flag !== undefined || (verb.env["BONUSNODE_STATE_DIR"] ?? "") !== "";
  return isNamed || isThere(join(chosen, "ledger.db")) ? chosen : ofUp;
}

function withoutRecord({ height, atMs, part, microPoints }: EntryRow) {
  return { record: height, atMs, part, microPoints };
}

/** What an entry rests on, for programs. */
function basisOf(record: LedgerRecord): Record<string, unknown> {
  if (record.type !== "proof")
    return record.type === "presence"
      ? { for: "presence", durationMs: record.durationMs, tier: record.tier }
      : { for: record.type };
  const proof = proofIn(record.envelope);
  if (proof === undefined) return { for: "proof" };
  const { kind, assignment, bootCount, seq, usage } = proof;
  return { for: "proof", kind, assignment: toHex(assignment), proof: `${bootCount}.${seq}`, usage };
}

/** A line a record: what its movements add up to, and what they are for. */
function rowsOf(entries: readonly EntryRow[]): string[][] {
  const byRecord = new Map<number, { entry: EntryRow; sum: bigint }>();
  for (const entry of entries) {
    byRecord.set(entry.height, { entry, sum: (byRecord.get(entry.height)?.sum ?? 0n) + entry.microPoints });
  }
  return [...byRecord.values()].map(({ entry, sum }) => [
    String(entry.height),
    new Date(entry.atMs).toISOString().slice(5, 19).replace("T", " "),
    formatPoints(sum),
    ...inWords(entry.record),
  ]);
}

/** What a record is about, and of a proof its usage: CPU, memory, bytes, disk. */
function inWords(record: LedgerRecord): string[] {
  if (record.type === "presence") return [`present ${formatDurationMs(record.durationMs)} as ${record.tier}`];
  if (record.type === "reversal") return [`record ${record.height} taken back`];
  const proof = record.type === "proof" ? proofIn(record.envelope) : undefined;
  if (proof === undefined) return [record.type];
  const { usage } = proof;
  return [
    `${proof.kind} ${toHex(proof.assignment).slice(0, 8)}, proof ${proof.bootCount}.${proof.seq}`,
    formatDurationMs(Number(usage.cpuMicros) / 1000),
    `${formatBytes(Number(usage.memoryByteSeconds))}·s`,
    formatBytes(Number(usage.upBytes + usage.downBytes)),
    `${formatBytes(Number(usage.diskByteSeconds))}·s`,
  ];
}

function proofIn(envelope: Uint8Array) {
  const parsed = parseEnvelope(envelope);
  const proof = parsed.ok ? proofMessage.decode(parsed.value.payload) : parsed;
  return proof.ok ? proof.value : undefined;
}
