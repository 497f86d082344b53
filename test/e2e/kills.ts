import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { makeSeededRandom, type Random } from "../../base/index.ts";
import { type Balance, readBalance } from "./books.ts";
import { type BrokerAccess, type Field, freePort, makeField } from "./field.ts";
import { type Program, startProgram } from "./program.ts";

/** A broker that can be killed and started again at the same place. */
export interface KillableBroker {
  /** Lines for the `[broker]` tables. */
  readonly access: BrokerAccess;
  /** Gives the programs of a field what they need to come in. */
  admit?(field: Field): Promise<void>;
  start(): Promise<void>;
  kill(): Promise<void>;
}

/** A run of kills. */
export interface KillRun {
  readonly directory: string;
  readonly seed: number;
  /** How often each of agent and bookkeeper is killed. */
  readonly kills: number;
  /** How often the broker is. */
  readonly brokerKills: number;
  readonly broker: KillableBroker;
  readonly built?: boolean;
  readonly report: (line: string) => void;
}

/** What a run came to. */
export interface KillReport extends Balance {
  readonly agentKills: number;
  readonly bookkeeperKills: number;
  readonly brokerKills: number;
}

/** Work of every kind, often; PORT is that of a target which answers or not. */
export const BUSY_PLAN = `
[[items]]
name = "watch"
every = "2s"
measure = { method = "tcp", targets = ["127.0.0.1:PORT"], count = 1, timeout = "1s" }
[[items]]
name = "keep"
every = "3s"
store = { size = "4KiB", keep = "8s", challenge_every = "2s" }
[[items]]
name = "primes"
every = "3s"
compute = { module = "primes.wasm", args = ["300000"], isolation = "process" }
`;

/** What lies beside that plan. */
export const PLAN_FILES = { "primes.wasm": readFileSync(new URL("../../sandbox/example/primes.wasm", import.meta.url)) };

/** A plan that fits no node. */
const QUIET_PLAN = `version = 1
[[items]]
name = "nothing"
every = "30d"
min_tier = "Super"
measure = { method = "tcp", targets = ["127.0.0.1:1"] }
`;

/** How long the end may take: the longest wait of the outbox and of a reconnect, twice. Milliseconds. */
const SETTLE_MS = 300_000;

/**
 * Kills agent, bookkeeper and broker with SIGKILL at random moments, starting each again at once, and then lets what is under way come
 * to its end. The moments and the order follow from the seed; what the machine makes of them does not.
 */
export async function runKills(run: KillRun): Promise<KillReport> {
  const target = await freePort();
  const field = await makeField({
    directory: run.directory,
    agents: 1,
    broker: run.broker.access,
    plan: BUSY_PLAN.replace("PORT", String(target)),
    planFiles: PLAN_FILES,
  });
  await run.broker.admit?.(field);
  await run.broker.start();
  const stage = makeStage(field, { built: run.built === true });
  // The first start measures the machine; the kills begin after it.
  await stage.agent.program().waitFor((event) => event.type === "registered", "the agent registered");

  const killed = { agent: 0, bookkeeper: 0, broker: 0 };
  const killLoop = async (victim: Victim, count: number, killOnce: (random: Random) => Promise<void>): Promise<void> => {
    // A stream of randomness for each, so that the moments of one do not depend on how long another took.
    const own = makeSeededRandom(run.seed * 3 + VICTIMS.indexOf(victim));
    while (killed[victim] < count) {
      await killOnce(own);
      killed[victim] += 1;
      if (killed[victim] % 50 === 0) run.report(`seed ${run.seed}: ${JSON.stringify(killed)} killed so far`);
    }
  };
  await Promise.all([
    killLoop("agent", run.kills, (random) => killAtMoment(stage.agent, AGENT_MOMENTS, random)),
    killLoop("bookkeeper", run.kills, (random) => killAtMoment(stage.bookkeeper, BOOKKEEPER_MOMENTS, random)),
    killLoop("broker", run.brokerKills, async (random) => {
      await sleep(2_000 + random.fraction() * 8_000);
      await run.broker.kill();
      await run.broker.start();
    }),
  ]);
  await settle(field, stage);
  await run.broker.kill();
  return { ...readBalance(field), agentKills: killed.agent, bookkeeperKills: killed.bookkeeper, brokerKills: killed.broker };
}

const VICTIMS = ["agent", "bookkeeper", "broker"] as const;
type Victim = (typeof VICTIMS)[number];

/** Events after which a kill finds something half done. */
const AGENT_MOMENTS = ["online", "registered", "accepted", "began", "finished", "proved", "receipt"] as const;
const BOOKKEEPER_MOMENTS = ["online", "registered", "assigned", "assigned", "verified", "verified", "rechecked"] as const;

/** How long a moment is waited for; a program that another kill holds up is killed all the same. Milliseconds. */
const MOMENT_MS = 4_000;

/** Kills a program while it starts, or shortly after something drawn from `moments` happened in it. */
async function killAtMoment(role: Role, moments: readonly string[], random: Random): Promise<void> {
  const duringStart = random.fraction() < 0.25;
  const moment = moments[Math.floor(random.fraction() * moments.length)];
  const delayMs = random.fraction() ** 3 * 400;
  if (duringStart) await sleep(random.fraction() * 900);
  else {
    const program = role.program();
    const seen = program.waitFor((event) => event.type === moment, `${moment} happened`);
    await Promise.race([seen, sleep(MOMENT_MS)]);
    await sleep(delayMs);
  }
  await role.kill();
}

/** A program of a field, which can be killed and is then started again. */
export interface Role {
  /** The process that runs now. */
  program(): Program;
  /** Kills it and starts it again at once. */
  kill(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts the bookkeeper and the first agent of a field, the agent with `agentEnv` in its environment. */
export function makeStage(
  field: Field,
  { built = false, agentEnv = {} }: { readonly built?: boolean; readonly agentEnv?: Readonly<Record<string, string>> } = {},
): { readonly agent: Role; readonly bookkeeper: Role } {
  const role = (verb: string, config: string, env: Readonly<Record<string, string>> = {}): Role => {
    const args = [verb, "--config", config, "--json", "--log-level", "error"];
    const start = (): Program => startProgram(args, { built, env });
    let program = start();
    return {
      program: () => program,
      kill: async () => {
        await program.end("SIGKILL");
        program = start();
      },
      stop: async () => void (await program.end("SIGTERM")),
    };
  };
  const [agent] = field.agents;
  return { bookkeeper: role("bookkeeper", field.bookkeeper.config), agent: role("agent", agent?.config ?? "", agentEnv) };
}

/** Gives no new work any more, waits until all that was accepted has its receipt, and ends the programs. */
export async function settle(field: Field, stage: ReturnType<typeof makeStage>): Promise<void> {
  writeFileSync(join(field.bookkeeper.config, "..", "plan.toml"), QUIET_PLAN);
  await stage.bookkeeper.kill();
  const deadline = performance.now() + SETTLE_MS;
  let quietLooks = 0;
  // Assignments that are still unanswered are sent again and may yet be taken: only a lasting quiet is the end.
  while (quietLooks < 20) {
    if (performance.now() > deadline) throw new Error("work that was accepted found no receipt in time");
    await sleep(200);
    quietLooks = readBalance(field).waiting === 0 ? quietLooks + 1 : 0;
  }
  await stage.agent.stop();
  await stage.bookkeeper.stop();
}

/** The embedded broker in a process of its own, killable. */
export function makeEmbeddedKillable(port: number): KillableBroker {
  let child: ChildProcess | undefined;
  const line = (username: string): string =>
    `url = "mqtt://127.0.0.1:${port}"\nusername = "${username}"\npassword_file = "password"`;
  return {
    access: { agent: line("agent"), bookkeeper: line("bookkeeper") },
    start: async () => {
      child = spawn(process.execPath, [fileURLToPath(new URL("broker-child.ts", import.meta.url)), String(port)], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      await once(child.stdout as NodeJS.ReadableStream, "data");
    },
    kill: async () => {
      const gone = child;
      if (gone === undefined) return;
      gone.kill("SIGKILL");
      await once(gone, "exit");
    },
  };
}
