/** The verb `serve-bandwidth`: its flags, what it prints, and how it ends; measured against over loopback. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Test, test } from "tap";
import { makeSystemClock, makeSystemRandom } from "../../../base/index.ts";
import { readBandwidthTask } from "../../../cli/bandwidth-task.ts";
import { runCommandLine } from "../../../cli/command-line.ts";
import { makeBandwidthTransfer } from "../../../hal/index.ts";

const TOKEN = "a-token-of-some-length-1";

/** Starts the verb. `lines` waits for as many on standard output; `stop` is Ctrl-C. */
function start(args: readonly string[]) {
  const written = { stdout: "", stderr: "" };
  let wake = (): void => {};
  let interrupt = (): void => {};
  const stream = (name: "stdout" | "stderr") => ({
    write: (text: string) => {
      written[name] += text;
      wake();
    },
  });
  const code = runCommandLine({
    argv: ["serve-bandwidth", ...args],
    env: {},
    stdout: stream("stdout"),
    stderr: stream("stderr"),
    clock: makeSystemClock(),
    version: "0",
    onSignal: (signal, handler) => {
      if (signal === "SIGINT") interrupt = handler;
      return () => {};
    },
    exitNow: () => {},
  });
  return {
    code,
    written,
    stop: () => interrupt(),
    lines: async (name: "stdout" | "stderr", count: number): Promise<readonly string[]> => {
      for (;;) {
        const lines = written[name].split("\n").slice(0, -1);
        if (lines.length >= count) return lines;
        await new Promise<void>((resolve) => (wake = resolve));
      }
    },
  };
}

function tokenFile(t: Test, text = `${TOKEN}\n`): string {
  const file = join(t.testdir(), "token");
  writeFileSync(file, text);
  return file;
}

test("it says where it listens, what was measured, and ends by Ctrl-C", async (t) => {
  const file = tokenFile(t);
  const verb = start(["--token-file", file, "--listen", "127.0.0.1:0", "--byte-cap", "500kB", "--json"]);
  const listening = JSON.parse((await verb.lines("stdout", 1))[0] ?? "") as { port: number };
  t.match(listening, {
    type: "listening",
    host: "127.0.0.1",
    byteCap: 500_000,
    timeMs: 10_000,
    sessions: 1,
    sessionsPerHour: 12,
  });
  const task = await readBandwidthTask(`127.0.0.1:${listening.port}`, file);
  if (!task.ok) return t.fail(task.error);
  t.match(task.value, { byteCap: 25_000_000, timeMs: 10_000, streams: 4, allowMetered: true, token: TOKEN });
  const transfer = makeBandwidthTransfer({ clock: makeSystemClock(), random: makeSystemRandom() });
  t.match(await transfer(task.value, {}), { kind: "found", value: { byteCap: 500_000 } });
  const events = (await verb.lines("stdout", 3)).map((line) => JSON.parse(line) as Record<string, unknown>);
  t.match(events[1], { type: "began", address: "127.0.0.1", terms: { byteCap: 500_000, streams: 4 } });
  t.match(events[2], { type: "ended", ended: "complete", session: events[1]?.["session"], up: { slices: { length: 5 } } });
  verb.stop();
  t.equal(await verb.code, 0);
  t.notMatch(verb.written.stdout + verb.written.stderr, TOKEN);
});

test("for people", async (t) => {
  const file = tokenFile(t);
  const verb = start(["--token-file", file, "--listen", "127.0.0.1:0"]);
  const [line = ""] = await verb.lines("stderr", 1);
  t.match(line, /^measuring at 127\.0\.0\.1 port \d+, 23\.8 MiB each way; Ctrl-C ends$/);
  const task = await readBandwidthTask(`127.0.0.1:${/port (\d+)/.exec(line)?.[1]}`, file);
  if (!task.ok) return t.fail(task.error);
  const transfer = makeBandwidthTransfer({ clock: makeSystemClock(), random: makeSystemRandom() });
  await transfer({ ...task.value, token: "another-token-of-some-length" }, {});
  t.equal((await verb.lines("stderr", 2))[1], "127.0.0.1: refused, it does not know the token");
  await transfer({ ...task.value, byteCap: 200_000 }, {});
  t.match((await verb.lines("stdout", 1))[0], /^127\.0\.0\.1: down [\d.]+ [kMG]?bit\/s, up [\d.]+ [kMG]?bit\/s \(complete\)$/);
  verb.stop();
  t.equal(await verb.code, 0);
});

test("what is wrong with the command line or the token", async (t) => {
  const file = tokenFile(t);
  const endOf = async (...args: string[]): Promise<string> => {
    const verb = start(args);
    return `${await verb.code} ${verb.written.stderr}`;
  };
  t.match(await endOf(), /^64 error: required option '--token-file <file>'/);
  t.match(await endOf("--token-file", file, "--listen", "nowhere"), /^64 --listen nowhere: HOST:PORT/);
  t.match(await endOf("--token-file", file, "--byte-cap", "much"), /^64 --byte-cap much: a number with B/);
  t.match(await endOf("--token-file", file, "--time", "1h"), /^64 --time 1h: a number with ms/);
  t.match(await endOf("--token-file", file, "--sessions", "0"), /^64 --sessions 0: a number from 1/);
  t.match(await endOf("--token-file", file, "--per-hour", "-1"), /^64 --per-hour -1: a number from 1/);
  t.match(await endOf("--token-file", `${file}-not`), /^78 .*: no such file; make one with/);
  t.match(await endOf("--token-file", tokenFile(t, "short")), /^78 .*: a token is one line of 20 to 256/);
  t.match(
    await endOf("--token-file", tokenFile(t), "--listen", "203.0.113.1:1"),
    /^1 203\.0\.113\.1 port 1: cannot listen there/,
  );
  t.match(await readBandwidthTask("example.net", file), { ok: false, error: /is no HOST:PORT/ });
});
