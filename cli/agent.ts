import { type AgentConfig, AgentError, type AgentEvent, parseAgentConfig, startAgent } from "../agent/index.ts";
import { BaseError, failure, LOG_LEVELS, type LogLevel, messageOf, type Result, success } from "../base/index.ts";
import { EXIT } from "./exit-codes.ts";
import { besideConfig, brokerBeside, chooseStateDirectory, readTextFile } from "./files-linux.ts";
import { keepHeapSmall } from "./heap-linux.ts";
import { jsonSafe } from "./points.ts";
import { logFor, untilStopped, type Verb } from "./world.ts";

/** What `bonusnode agent` was asked for. */
export interface AgentVerbOptions {
  readonly config: string;
  readonly stateDir?: string;
  readonly logLevel?: string;
  /** Events as JSON lines on standard output, for programs that watch it. */
  readonly json?: boolean;
}

/** Runs the agent until it is told to stop; SIGHUP takes the owner's limits from the configuration anew. */
export async function runAgentVerb(options: AgentVerbOptions, verb: Verb): Promise<number> {
  const { terminal } = verb;
  keepHeapSmall();
  const config = await loadAgentConfig(options, verb);
  if (!config.ok) {
    terminal.error(config.error);
    return EXIT.configuration;
  }
  const log = logFor(verb, "agent", config.value.log_level);
  const { signal, release } = untilStopped(verb);
  const onEvent = (event: AgentEvent): void => terminal.print(JSON.stringify(jsonSafe(event)));
  try {
    const agent = await startAgent(config.value, {
      log,
      version: verb.version,
      path: verb.env["PATH"],
      signal,
      ...(options.json === true ? { onEvent } : {}),
    });
    const releaseHup = verb.onSignal("SIGHUP", () => {
      void loadAgentConfig(options, verb).then((again) => {
        if (!again.ok)
          return log.error({ problems: again.error }, "the configuration has mistakes; the old limits stay in force");
        agent.reload(again.value.limits);
        log.info({}, "limits taken from the configuration anew");
      });
    });
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    releaseHup();
    await agent.stop();
    return EXIT.ok;
  } catch (thrown) {
    if (signal.aborted) return EXIT.interrupted;
    terminal.error(messageOf(thrown));
    return startFailureCode(thrown);
  } finally {
    release();
  }
}

/** The agent's configuration with flags and environment over it, or what is wrong with it. */
export async function loadAgentConfig(options: AgentVerbOptions, verb: Pick<Verb, "env">): Promise<Result<AgentConfig, string>> {
  const text = await readTextFile(options.config, "start from packaging/agent/config.toml, or name another with --config");
  if (!text.ok) return text;
  const parsed = parseAgentConfig(text.value, options.config);
  if (!parsed.ok) return failure(parsed.error.join("\n"));
  const level = readLogLevel(options.logLevel);
  if (!level.ok) return level;
  const { broker, bandwidth } = parsed.value;
  const tokenFile = bandwidth.token_file === undefined ? undefined : besideConfig(options.config, bandwidth.token_file);
  return success({
    ...parsed.value,
    state_dir: chooseStateDirectory(options.stateDir, verb.env, parsed.value.state_dir),
    log_level: level.value ?? parsed.value.log_level,
    broker: brokerBeside(options.config, broker),
    bandwidth: { ...bandwidth, token_file: tokenFile },
  });
}

/** A `--log-level`, where one was given. */
export function readLogLevel(text: string | undefined): Result<LogLevel | undefined, string> {
  if (text === undefined) return success(undefined);
  const level = LOG_LEVELS.find((each) => each === text);
  return level === undefined ? failure(`--log-level ${text}: one of ${LOG_LEVELS.join(", ")}`) : success(level);
}

/** The exit code for a program that could not start. */
export function startFailureCode(thrown: unknown): number {
  const { code } = thrown as { code?: unknown };
  if (thrown instanceof BaseError && code === "lock-held") return EXIT.busy;
  if (code === "unfit-machine") return EXIT.unsupported;
  if (code === "bad-config" || code === "bad-url" || thrown instanceof AgentError) return EXIT.configuration;
  return EXIT.failure;
}
