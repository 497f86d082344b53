import { createInterface } from "node:readline";
import { setTimeout as sleepMs } from "node:timers/promises";
import { createSecureContext, rootCertificates, type SecureContext } from "node:tls";
import { MAX_TASK_BODY_BYTES } from "../limits.ts";
import type { Job, RunnerAnswer, RunnerWord } from "./job.ts";
import { runJob } from "./run-job.ts";
import type { SessionNeeds } from "./session.ts";
import { exchangeDns } from "./transports/dns-transport.ts";
import { probeHttp } from "./transports/http-transport.ts";
import { microsNow } from "./transports/monotonic.ts";
import { runPing } from "./transports/ping-transport.ts";
import { probeTcp } from "./transports/tcp-transport.ts";
import { warmUp } from "./transports/warm-up.ts";

/**
 * The measuring child. Reads a job from standard input, writes questions, results and an end to standard output, and stays
 * until standard input is closed, so that the agent can read all its CPU time. When that happens early, the agent is gone:
 * this process and the ping(8) under it end at once.
 */

let isDone = false;
let answer: ((answer: RunnerAnswer) => void) | undefined;
let isStarted = false;

const input = createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY });
input.on("line", (line) => {
  if (isStarted) return answer?.(JSON.parse(line) as RunnerAnswer);
  isStarted = true;
  void measure(JSON.parse(line) as Job);
});
input.on("close", () => {
  // The agent made this process the leader of its own group, and ping(8) belongs to that.
  if (!isDone) process.kill(-process.pid, "SIGKILL");
  process.exit(0);
});

async function measure(job: Job): Promise<void> {
  const secureContext = job.targets.some((target) => target.isSecure) ? makeSecureContext(job.trustedRoots) : undefined;
  const needs: SessionNeeds = {
    exchangeDns,
    probeTcp,
    probeHttp: (probe, isSecure) => probeHttp({ ...probe, tls: isSecure ? { secureContext } : undefined }),
    runPing,
    ask: (addresses) =>
      new Promise((resolve) => {
        answer = ({ refusal }) => resolve(refusal);
        say({ kind: "ask", addresses });
      }),
    say,
    microsNow,
    sleep: (durationMs) => sleepMs(durationMs),
  };
  await warmUp(job);
  await runJob(job, needs, MAX_TASK_BODY_BYTES);
  isDone = true;
}

/** Made once and before anything is timed: reading the root certificates takes several milliseconds. */
function makeSecureContext(trustedRoots: readonly string[]): SecureContext {
  return createSecureContext(trustedRoots.length === 0 ? {} : { ca: [...rootCertificates, ...trustedRoots] });
}

function say(word: RunnerWord): void {
  process.stdout.write(`${JSON.stringify(word)}\n`);
}
