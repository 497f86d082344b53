import { dirname, join, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import {
  BaseError,
  type Log,
  loadOrCreateSecret,
  lockDirectory,
  MAX_TOML_BYTES,
  makeProgramRunner,
  makeSystemClock,
  makeSystemRandom,
  messageOf,
  meterProcessTree,
  readFileBounded,
  toHex,
} from "../base/index.ts";
import { makeMqttLink, parseBrokerUrl, readBrokerLogin } from "../mqtt/index.ts";
import { loadEd25519, makeSigningKey, SEED_BYTES, type SigningKey } from "../protocol/index.ts";
import { makeProgramFinder, makeSandbox } from "../sandbox/index.ts";
import { makeBookkeeper } from "./bookkeeper.ts";
import type { BookkeeperConfig } from "./config.ts";
import { type Contents, makeContents } from "./contents-store.ts";
import { BookkeeperError } from "./errors.ts";
import type { BookkeeperEvent } from "./events.ts";
import { openLedger } from "./ledger/ledger-store.ts";
import { makeLedgerTime } from "./ledger-time.ts";
import { MAX_CONTENT_BYTES, PRESENCE_RECORD_MS } from "./limits.ts";
import { type Order, type Plan, parseOrder, parsePlan } from "./plan.ts";
import { putPolicyInForce } from "./policy-in-force.ts";
import { makeRecheck } from "./recheck.ts";
import { openBlobDoor } from "./transports/blob-door.ts";
import type { TierJudge } from "./verify/tier-judge.ts";

/** What running the bookkeeper takes besides its configuration. */
export interface BookkeeperRun {
  readonly log: Log;
  /** Value of PATH, for helper programs. */
  readonly path: string | undefined;
  /** The rules of tiers, by which descriptors are judged. */
  readonly judge: TierJudge;
  readonly onEvent?: (event: BookkeeperEvent) => void;
  /** Presence is booked in pieces of this length, in milliseconds; shorter for a demonstration. */
  readonly presenceRecordMs?: number;
  /** The broker's password, in place of a file of the configuration. */
  readonly password?: string;
  /** Called with the URL of the blob server, where there is one, before the plan is read: for a plan that names it. */
  readonly beforePlan?: (blobUrl: string | undefined) => Promise<void>;
}

/** A running bookkeeper. */
export interface RunningBookkeeper {
  readonly id: string;
  stop(): Promise<void>;
}

/** The files of the state directory. */
export const BOOKKEEPER_FILES = {
  seed: "identity.seed",
  ledger: "ledger.db",
  contents: "contents",
  certificate: "bookkeeper.crt",
} as const;

/**
 * Composes the bookkeeper on this machine and starts it. Throws BaseError `lock-held`, `bad-secret`, `database-corrupt` (a damaged
 * ledger is never replaced), BookkeeperError `bad-config` and `unfit-machine`, and MqttError `bad-url`.
 */
export async function startBookkeeper(config: BookkeeperConfig, run: BookkeeperRun): Promise<RunningBookkeeper> {
  const { log } = run;
  const system = makeSystemClock();
  const random = makeSystemRandom();
  const directory = config.state_dir;
  parseBrokerUrl(config.broker.url);
  const lock = lockDirectory(directory);
  const closers: (() => void | Promise<void>)[] = [() => lock.release()];
  try {
    const { key, seed } = await openIdentity(directory);
    const { ed25519, sodiumMissing } = await loadEd25519();
    if (sodiumMissing !== undefined) {
      throw new BookkeeperError(
        "unfit-machine",
        `all bookkeepers verify with one library, and ${sodiumMissing}; use x64 or arm64 with glibc`,
      );
    }
    const ledger = openLedger(join(directory, BOOKKEEPER_FILES.ledger));
    closers.push(() => ledger.close());
    const clock = makeLedgerTime(system, Math.max(ledger.beacons.last()?.atMs ?? 0, ledger.records.lastMs() ?? 0));
    putPolicyInForce(ledger, await readPolicy(config.policy.file), clock.wallMs());
    const contents = makeContents(join(directory, BOOKKEEPER_FILES.contents));
    const blobUrl = await serveBlobs(config, contents, closers);
    await run.beforePlan?.(blobUrl);
    const plan = await readPlan(config.plan.file);
    const emit = (event: BookkeeperEvent): void => {
      logEvent(log, event);
      run.onEvent?.(event);
    };
    const needs = { findProgram: makeProgramFinder(run.path), runProgram: makeProgramRunner(run.path), meterProcessTree };
    const sandbox = await makeSandbox(needs, { hiddenPaths: [directory] });
    const serialNumber = random.bytes(16);
    const certificateCache = join(directory, BOOKKEEPER_FILES.certificate);
    const login = await readBrokerLogin(config.broker, {
      key,
      seed,
      certificateCache,
      serialNumber,
      isAuthority: true,
      password: run.password,
    });
    const link = { ...login, clientId: `bk-${toHex(key.publicKey).slice(0, 12)}-${toHex(serialNumber).slice(0, 6)}` };
    const bookkeeper = makeBookkeeper(
      {
        ledger,
        contents,
        key,
        ed25519,
        clock,
        random,
        log,
        recheck: makeRecheck({ ledger, contents, sandbox, clock, log, emit }),
        makeLink: (options, handlers) => makeMqttLink({ clock, random, log }, { ...link, ...options }, handlers),
        readPlanFile: (name) => readBeside(config.plan.file, name),
        urlOf: (blob) => (blobUrl === undefined ? undefined : `${blobUrl}/blobs/${toHex(blob)}`),
        judge: run.judge,
        readOrder,
        emit,
      },
      {
        network: config.network.name,
        plan,
        recheckShare: config.verify.recheck_share,
        presenceRecordMs: run.presenceRecordMs ?? PRESENCE_RECORD_MS,
        ...(config.broker.share_group === undefined ? {} : { shareGroup: config.broker.share_group }),
      },
    );
    closers.push(() => bookkeeper.stop());
    bookkeeper.start();
    return { id: key.id, stop: () => closeAll(closers) };
  } catch (thrown) {
    // Why it could not start says more than what could not be closed after that.
    await closeAll(closers).catch(() => undefined);
    throw thrown;
  }
}

/** Closes everything, the last opened first. What one fails with is thrown once all of them had their turn. */
async function closeAll(closers: (() => void | Promise<void>)[]): Promise<void> {
  const failures: unknown[] = [];
  for (const close of closers.splice(0).reverse()) {
    try {
      await close();
    } catch (thrown) {
      failures.push(thrown);
    }
  }
  if (failures.length > 0) throw failures[0];
}

/** The bookkeeper's key, made once. It signs receipts, and certificates for the network's broker and nodes. */
export async function openIdentity(directory: string): Promise<{ key: SigningKey; seed: Uint8Array }> {
  const seed = await loadOrCreateSecret(join(directory, BOOKKEEPER_FILES.seed), SEED_BYTES, makeSystemRandom());
  const { ed25519 } = await loadEd25519();
  return { key: makeSigningKey(seed, ed25519), seed };
}

async function readPlan(file: string): Promise<Plan> {
  const plan = parsePlan(await readConfigText(file), file);
  if (!plan.ok) throw new BookkeeperError("bad-config", plan.error.join("\n"));
  return plan.value;
}

function readOrder(toml: string, fileName: string): Order {
  const order = parseOrder(toml, fileName);
  if (!order.ok) throw new BookkeeperError("bad-config", order.error.join("\n"));
  return order.value;
}

/** A file that a plan names, which has to lie beside the plan or below. */
async function readBeside(planFile: string, name: string): Promise<Uint8Array> {
  const folder = resolve(dirname(planFile));
  const path = resolve(folder, name);
  if (!path.startsWith(`${folder}${sep}`)) throw new BookkeeperError("bad-content", `${name}: a plan's files lie beside it`);
  try {
    return await readFileBounded(path, MAX_CONTENT_BYTES);
  } catch (thrown) {
    if (!(thrown instanceof BaseError)) throw thrown;
    throw new BookkeeperError("bad-content", messageOf(thrown), { cause: thrown });
  }
}

/** The policy that ships, unless the configuration names another. */
async function readPolicy(file: string | undefined): Promise<{ readonly toml: string; readonly fileName: string }> {
  const shipped = new URL("./policies/contribution-1.toml", import.meta.url);
  return { toml: await readConfigText(file ?? fileURLToPath(shipped)), fileName: file ?? "contribution-1.toml" };
}

/** A file that the configuration names. */
async function readConfigText(path: string): Promise<string> {
  try {
    return Buffer.from(await readFileBounded(path, MAX_TOML_BYTES)).toString();
  } catch (thrown) {
    throw new BookkeeperError("bad-config", messageOf(thrown), { cause: thrown });
  }
}

async function serveBlobs(
  config: BookkeeperConfig,
  contents: Contents,
  closers: (() => void | Promise<void>)[],
): Promise<string | undefined> {
  if (config.blobs === undefined) return undefined;
  const door = await openBlobDoor(contents, config.blobs);
  closers.push(() => door.close());
  return (config.blobs.public_url ?? door.url).replace(/\/+$/, "");
}

function logEvent(log: Log, { type, ...fields }: BookkeeperEvent): void {
  if (type === "trouble") log.error(fields, type);
  else if (["proof-refused", "equivocation", "disbelieved", "offline"].includes(type)) log.warn(fields, type);
  else if (type === "account") log.debug(fields, type);
  else log.info(fields, type);
}
