import { join } from "node:path";
import { messageOf, parseDurationMs, QUANTITY_FORMS } from "../base/index.ts";
import { startFailureCode } from "./agent.ts";
import { EXIT } from "./exit-codes.ts";
import { chooseStateDirectory, defaultUpDirectory } from "./files-linux.ts";
import { runUp } from "./up/up.ts";
import { makeJsonView, makePersonView } from "./up/up-view.ts";
import { logFor, untilStopped, type Verb } from "./world.ts";

/** What `bonusnode up` was asked for. */
export interface UpVerbOptions {
  readonly stateDir?: string;
  /** How long to run, such as 60s; until Ctrl-C when absent. */
  readonly for?: string;
  readonly port?: string;
  readonly json?: boolean;
}

/**
 * Shows the whole path on this machine. With `--for`, it succeeds only if a proof of each kind was accepted in that time.
 */
export async function runUpVerb(options: UpVerbOptions, verb: Verb): Promise<number> {
  const { terminal } = verb;
  const durationMs = options.for === undefined ? undefined : parseDurationMs(options.for);
  if (options.for !== undefined && durationMs === undefined) {
    terminal.error(`--for ${options.for}: ${QUANTITY_FORMS.duration}`);
    return EXIT.usage;
  }
  const port = Number(options.port ?? "0");
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    terminal.error(`--port ${options.port}: a port from 0 (any) to 65535`);
    return EXIT.usage;
  }
  const { signal, release } = untilStopped(verb);
  const timed = durationMs === undefined ? signal : AbortSignal.any([signal, AbortSignal.timeout(durationMs)]);
  try {
    const proofs = await runUp({
      stateDirectory: chooseStateDirectory(options.stateDir, verb.env, defaultUpDirectory(verb.env)),
      port,
      version: verb.version,
      path: verb.env["PATH"],
      // The view tells what happens; the log is for what it does not.
      log: logFor(verb, "up", "silent"),
      view: options.json === true ? makeJsonView(terminal) : makePersonView(terminal, verb.clock),
      signal: timed,
      clock: verb.clock,
    });
    const missing = Object.entries(proofs)
      .filter(([, count]) => count === 0)
      .map(([kind]) => kind);
    if (durationMs === undefined || missing.length === 0) return EXIT.ok;
    if (signal.aborted) return EXIT.interrupted;
    terminal.error(`no proof of kind ${missing.join(" and ")} was accepted within ${options.for}`);
    return EXIT.failure;
  } catch (thrown) {
    terminal.error(messageOf(thrown));
    return startFailureCode(thrown);
  } finally {
    release();
  }
}

/** The state directory of the bookkeeper or agent inside that of `up`. */
export function upDirectoryOf(env: Verb["env"], program: "agent" | "bookkeeper"): string {
  return join(defaultUpDirectory(env), program);
}
