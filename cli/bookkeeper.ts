import { failure, messageOf, type Result, success } from "../base/index.ts";
import { type BookkeeperConfig, type BookkeeperEvent, parseBookkeeperConfig, startBookkeeper } from "../bookkeeper/index.ts";
import { judgePublished } from "../hal/index.ts";
import { readLogLevel, startFailureCode } from "./agent.ts";
import { EXIT } from "./exit-codes.ts";
import { besideConfig, brokerBeside, chooseStateDirectory, readTextFile } from "./files-linux.ts";
import { jsonSafe } from "./points.ts";
import { logFor, untilStopped, type Verb } from "./world.ts";

/** What `bonusnode bookkeeper` was asked for. */
export interface BookkeeperVerbOptions {
  readonly config: string;
  readonly stateDir?: string;
  readonly logLevel?: string;
  /** Events as JSON lines on standard output, for programs that watch it. */
  readonly json?: boolean;
}

/** Where a bookkeeper's state is unless its configuration says otherwise. */
export const DEFAULT_BOOKKEEPER_DIRECTORY = "/var/lib/bonusnode-bookkeeper";

/** Runs the bookkeeper until it is told to stop. */
export async function runBookkeeperVerb(options: BookkeeperVerbOptions, verb: Verb): Promise<number> {
  const { terminal } = verb;
  const config = await loadBookkeeperConfig(options, verb);
  if (!config.ok) {
    terminal.error(config.error);
    return EXIT.configuration;
  }
  const { signal, release } = untilStopped(verb);
  const onEvent = (event: BookkeeperEvent): void => terminal.print(JSON.stringify(jsonSafe(event)));
  try {
    const bookkeeper = await startBookkeeper(config.value, {
      log: logFor(verb, "bookkeeper", config.value.log_level),
      path: verb.env["PATH"],
      judge: judgePublished,
      ...(options.json === true ? { onEvent } : {}),
    });
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    await bookkeeper.stop();
    return EXIT.ok;
  } catch (thrown) {
    terminal.error(messageOf(thrown));
    return startFailureCode(thrown);
  } finally {
    release();
  }
}

async function loadBookkeeperConfig(
  options: BookkeeperVerbOptions,
  verb: Pick<Verb, "env">,
): Promise<Result<BookkeeperConfig, string>> {
  const text = await readTextFile(
    options.config,
    "start from packaging/bookkeeper/bookkeeper.toml, or name another with --config",
  );
  if (!text.ok) return text;
  const parsed = parseBookkeeperConfig(text.value, options.config);
  if (!parsed.ok) return failure(parsed.error.join("\n"));
  const level = readLogLevel(options.logLevel);
  if (!level.ok) return level;
  const { broker, plan, policy } = parsed.value;
  return success({
    ...parsed.value,
    state_dir: chooseStateDirectory(options.stateDir, verb.env, parsed.value.state_dir),
    log_level: level.value ?? parsed.value.log_level,
    broker: brokerBeside(options.config, broker),
    plan: { file: besideConfig(options.config, plan.file) },
    policy: { file: policy.file === undefined ? undefined : besideConfig(options.config, policy.file) },
  });
}
