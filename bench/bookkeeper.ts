import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeSeededRandom, makeSystemClock, silentLog } from "../base/index.ts";
import { makeDescriptors } from "../bookkeeper/intake/descriptors.ts";
import { makeIntake } from "../bookkeeper/intake/intake.ts";
import { type Ledger, openLedger } from "../bookkeeper/ledger/ledger-store.ts";
import { MAX_BATCH } from "../bookkeeper/limits.ts";
import { type Ed25519, loadEd25519, makeSigningKey, type SigningKey } from "../protocol/index.ts";
import { BLOB, prepareWorkload, type Shape } from "./workload.ts";

/*
 * The bookkeeper's intake beside what it cannot do without. In one process and in turns, a batch each: sodium verifies the bare signatures of
 * the proofs, and intake takes the same proofs in: parsed, verified, judged, recorded and receipted in a ledger on disk, synced.
 */

const NETWORK = "bench";
const PROOFS = 10 * MAX_BATCH;
const REPETITIONS = 5;

const SHAPES: readonly Shape[] = [
  { name: "1 node, proofs in long runs", nodes: 1, kinds: ["measure"] },
  { name: "1000 nodes, one proof each", nodes: 1000, kinds: ["measure"] },
  { name: "50 nodes, kinds mixed", nodes: 50, kinds: ["measure", "store", "compute"] },
];

/** CPU of the whole process (SQLite's writes and syncs included) and time passed, in microseconds. */
interface Cost {
  cpu: number;
  wall: number;
}

interface Turn {
  readonly bare: Cost;
  readonly intake: Cost;
}

/** Prints a table of intake against the bare verify rate: proofs verified and recorded for each signature verified. */
export async function benchBookkeeper(print: (line: string) => void): Promise<void> {
  print(`bookkeeper: ${PROOFS} proofs a turn, ${REPETITIONS} turns each; microseconds a proof, of CPU and of time`);
  print(row("", "bare verify", "intake", "ratio best", "median"));
  // The first turn compiles the code, and does not count.
  await runTurn(SHAPES[2] ?? { name: "", nodes: 1, kinds: ["measure"] }, 0);
  const turns = new Map<Shape, Turn[]>(SHAPES.map((shape) => [shape, []]));
  for (let repetition = 1; repetition <= REPETITIONS; repetition++) {
    for (const [shape, found] of turns) found.push(await runTurn(shape, repetition));
  }
  for (const [shape, found] of turns) {
    const ratios = found.map(({ bare, intake }) => bare.cpu / intake.cpu).sort((left, right) => right - left);
    const median = (pick: (turn: Turn) => Cost): string => {
      const costs = found.map(pick).sort((left, right) => left.cpu - right.cpu);
      const { cpu, wall } = costs[Math.floor(costs.length / 2)] ?? { cpu: 0, wall: 0 };
      return `${(cpu / PROOFS).toFixed(0)} / ${(wall / PROOFS).toFixed(0)}`;
    };
    const middle = ratios[Math.floor(ratios.length / 2)] ?? 0;
    const bare = median((turn) => turn.bare);
    const intake = median((turn) => turn.intake);
    print(row(shape.name, bare, intake, (ratios[0] ?? 0).toFixed(2), middle.toFixed(2)));
  }
}

function row(name: string, ...columns: readonly string[]): string {
  return `  ${name.padEnd(28)}${columns.map((column) => column.padStart(14)).join("")}`;
}

async function runTurn(shape: Shape, seed: number): Promise<Turn> {
  const verify = await loadBareVerify();
  const directory = mkdtempSync(join(tmpdir(), "bonusnode-bench-"));
  const ledger = openLedger(join(directory, "ledger.db"));
  try {
    const { ed25519 } = await loadEd25519();
    const key = makeSigningKey(makeSeededRandom(seed + 2_000_000).bytes(32), ed25519);
    const messages = prepareWorkload(ledger, { shape, proofs: PROOFS, network: NETWORK, seed, key, ed25519 });
    const { take, accepted } = openIntake(ledger, key, ed25519);
    const cost = { bare: { cpu: 0, wall: 0 }, intake: { cpu: 0, wall: 0 } };
    for (let from = 0; from < messages.length; from += MAX_BATCH) {
      const batch = messages.slice(from, from + MAX_BATCH);
      await add(cost.bare, () => {
        for (const { signature, signed, sender } of batch)
          if (!verify(signature, signed, sender.key)) throw new Error("bad signature");
      });
      await add(cost.intake, () => Promise.all(batch.map(({ sender, envelope }) => take(sender, envelope, Date.now()))));
    }
    if (accepted() !== messages.length) throw new Error(`intake accepted ${accepted()} proofs of ${messages.length}`);
    return cost;
  } finally {
    ledger.close();
    rmSync(directory, { recursive: true });
  }
}

async function add(cost: Cost, work: () => unknown): Promise<void> {
  const [before, at] = [process.cpuUsage(), performance.now()];
  await work();
  const { user, system } = process.cpuUsage(before);
  cost.cpu += user + system;
  cost.wall += (performance.now() - at) * 1000;
}

type Verify = (signature: Uint8Array, message: Uint8Array, key: Uint8Array) => boolean;

async function loadBareVerify(): Promise<Verify> {
  const loaded = (await import("sodium-native" as string)) as { default: { crypto_sign_verify_detached: Verify } };
  return loaded.default.crypto_sign_verify_detached;
}

function openIntake(ledger: Ledger, key: SigningKey, ed25519: Ed25519) {
  let accepted = 0;
  const clock = makeSystemClock();
  const nothing = (): void => undefined;
  const { take } = makeIntake(
    {
      ...{ ledger, key, ed25519, clock, random: makeSeededRandom(1), log: silentLog, descriptors: makeDescriptors(ledger) },
      ...{ publish: nothing, onOther: nothing, disbelieve: nothing, onAnswered: nothing, onContradicted: nothing },
      emit: (event) => {
        if (event.type === "verified") accepted += 1;
      },
      readContent: () => BLOB,
    },
    { network: NETWORK, recheckShare: 0 },
  );
  return { take, accepted: () => accepted };
}

if (import.meta.main) await benchBookkeeper((line) => process.stdout.write(`${line}\n`));
