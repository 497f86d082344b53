import { copyFileSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { EXIT_CODE_HELP } from "../../cli/exit-codes.ts";
import { identityOf } from "./field.ts";
import { runVerb, startProgram } from "./program.ts";

/*
 * The command line as a process: help, slips of the fingers, configurations that are wrong in every way, and state that is damaged. Always
 * the reason on standard error, nothing on standard output, the documented exit code, and nothing of the user's replaced.
 */

t.setTimeout(180_000);

const VERBS = [
  ["up", "agent", "bookkeeper", "probe", "status", "identity", "assign"],
  ["account list", "account show", "account audit", "proof show", "proof verify"],
  ["boards list", "boards check", "serve-bandwidth"],
  ["certify authority", "certify broker", "certify node"],
].flat();

/** Runs a verb that must refuse: its reason on standard error alone, and never a stack trace. */
async function refused(t: Test, args: readonly string[], expected: number, why: RegExp | string, env?: Record<string, string>) {
  const { code, stdout, stderr } = await runVerb(args, env === undefined ? {} : { env });
  const name = args.join(" ");
  t.equal(code, expected, `${name}: exit code`);
  t.equal(stdout, "", `${name}: nothing on standard output`);
  t.match(stderr, why, `${name}: why`);
  t.notMatch(stderr, /^\s+at /m, `${name}: no stack trace`);
  return stderr;
}

t.test("help says what there is, for everything and for each verb", async (t) => {
  const all = await runVerb(["help"]);
  t.equal(all.code, 0);
  t.equal(all.stderr, "");
  for (const [code] of EXIT_CODE_HELP) t.match(all.stdout, new RegExp(`^ +${code} {2}\\S`, "m"), `exit code ${code}`);
  for (const verb of VERBS) t.match(all.stdout, new RegExp(`^ {2}${verb.split(" ")[0]}\\b`, "m"), verb);
  t.strictSame(await runVerb(["--help"]), all, "however it is asked");
  await Promise.all(
    VERBS.map(async (verb) => {
      const { code, stdout, stderr } = await runVerb([...verb.split(" "), "--help"]);
      t.equal(code, 0, verb);
      t.equal(stderr, "", verb);
      t.ok(stdout.startsWith(`Usage: bonusnode ${verb} `), `${verb} --help`);
    }),
  );
  const version = await runVerb(["--version"]);
  const { version: expected } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
    version: string;
  };
  t.match(version, { code: 0, stdout: `${expected}\n`, stderr: "" });
});

t.test("a slip of the fingers gets the nearest there is", async (t) => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ["prob", /^error: unknown command 'prob'\n\(Did you mean probe\?\)/],
    ["account lst", /\(Did you mean list\?\)/],
    ["up --jsno", /^error: unknown option '--jsno'\n\(Did you mean --json\?\)/],
    ["status --state-dri x", /\(Did you mean --state-dir\?\)/],
    ["", /^Usage: bonusnode/],
    ["certify node", /missing required argument 'id'/],
    ["proof verify x.hex", /required option '--network <name>' not specified/],
    ["certify broker localhost", /required option '--key <file>' not specified/],
    ["account show nobody", /^nobody is no id/],
    ["certify node bxn1nobody", /^bxn1nobody is no id/],
    ["proof verify x.hex --network sample --node me", /^me is no id/],
    ["assign order.toml --wait soon", /^--wait soon: a number with ms, s, m, h or d/],
  ];
  const entries = ["account", "show", await identityOf(t.testdir()), "--entries", "all"];
  await refused(t, entries, 64, /^--entries all: a whole number from 1$/m);
  await Promise.all(cases.map(([line, why]) => refused(t, line === "" ? [] : line.split(" "), 64, why)));
});

t.test("a configuration that is wrong is refused with file, line and what to do", async (t) => {
  const directory = t.testdir({ state: {}, folder: {} });
  const state = join(directory, "state");
  const id = await identityOf(join(directory, "someone"));
  const good = `state_dir = "${state}"\n[network]\nname = "field"\nbookkeepers = ["${id}"]\n[broker]\nurl = "mqtt://127.0.0.1:1"\n`;
  const cases: readonly (readonly [string, string, RegExp])[] = [
    ["unknown-key", `${good}[limits]\ncpu_shar = 0.5\n`, /:8: unknown key limits\.cpu_shar; did you mean cpu_share\?$/m],
    ["wrong-type", `${good}[limits]\ncpu_share = "half"\n`, /:8: limits\.cpu_share/],
    ["out-of-range", `${good}[limits]\ncpu_share = 7\n`, /:8: .*at most 1/],
    ["unknown-table", `${good}[limit]\n`, /:7: unknown key limit; did you mean limits\?$/m],
    ["half-written", good.slice(0, good.indexOf("mqtt://") + 4), /:6: not TOML: /],
    ["empty", "", /network/],
    ["foreign-id", good.replace(id, `${id.slice(0, -1)}${id.endsWith("q") ? "p" : "q"}`), /:4: .*bxn1/],
    ["not-text", "\u0000\u0001\u0002", /not TOML/],
    ["huge", `# ${"x".repeat(2_000_000)}\n${good}`, /larger than \d+ bytes/],
    ["bad-url", good.replace("mqtt://127.0.0.1:1", "https://127.0.0.1"), /mqtts?:\/\//],
  ];
  await Promise.all(
    cases.map(async ([name, text, why]) => {
      const file = join(directory, `${name}.toml`);
      writeFileSync(file, text);
      const stderr = await refused(t, ["agent", "--config", file], 78, why);
      if (name !== "bad-url") for (const line of stderr.trimEnd().split("\n")) t.ok(line.startsWith(`${file}:`), line);
    }),
  );
  await Promise.all([
    refused(
      t,
      ["agent", "--config", join(directory, "none.toml")],
      78,
      /no such file; start from packaging\/agent\/config\.toml/,
    ),
    refused(t, ["agent", "--config", join(directory, "folder")], 78, /folder: not a regular file/),
    refused(t, ["bookkeeper", "--config", join(directory, "none.toml")], 78, /no such file; start from packaging\/bookkeeper/),
  ]);
  const books = join(directory, "books.toml");
  const ofBooks = `state_dir = "${state}"\n[network]\nname = "field"\n[broker]\nurl = "mqtt://127.0.0.1:1"\n[plan]\nfile = "plan.toml"\n`;
  writeFileSync(books, ofBooks);
  const plan = join(directory, "plan.toml");
  await refused(t, ["bookkeeper", "--config", books], 78, /plan\.toml/);
  writeFileSync(plan, 'version = 1\n[[items]]\nname = "a"\nevry = "5s"\nmeasure = { method = "tcp", targets = ["x:1"] }\n');
  await refused(t, ["bookkeeper", "--config", books], 78, /plan\.toml:4: unknown key items.*evry; did you mean every\?/);
  writeFileSync(books, `${ofBooks}[verify]\nrecheck_shar = 1\n`);
  await refused(
    t,
    ["bookkeeper", "--config", books],
    78,
    /books\.toml:9: unknown key verify\.recheck_shar; did you mean recheck_share\?/,
  );
});

/** Every file below a folder and what is in it, but for the lock. */
function contentsOf(folder: string): Record<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter(
    (name) => statSync(join(folder, name)).isFile() && !/(^|\/)lock(\.pid)?$/.test(name),
  );
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(folder, name)).toString("base64")]));
}

t.test("damaged state is named, and left as it is", async (t) => {
  const directory = t.testdir();
  const id = await identityOf(join(directory, "someone"));
  const configs = { agent: join(directory, "agent.toml"), bookkeeper: join(directory, "bookkeeper.toml") };
  const common = `[broker]\nurl = "mqtt://127.0.0.1:1"\n[network]\nname = "field"\n`;
  writeFileSync(configs.agent, `${common}bookkeepers = ["${id}"]\n[metrics]\nenabled = false\n`);
  writeFileSync(configs.bookkeeper, `${common}[plan]\nfile = "plan.toml"\n`);
  writeFileSync(
    join(directory, "plan.toml"),
    'version = 1\n[[items]]\nname = "a"\nevery = "5s"\nmeasure = { method = "tcp", targets = ["x:1"] }\n',
  );
  const order = join(directory, "order.toml");
  writeFileSync(order, 'measure = { method = "tcp", targets = ["127.0.0.1:1"] }\n');
  const stateWith = (name: string, file: string, bytes: string): string => {
    const state = join(directory, name);
    mkdirSync(state);
    writeFileSync(join(state, file), bytes);
    return state;
  };
  const noDatabase = "this is no database, but long enough to be looked at as one. ".repeat(100);
  const seed = stateWith("seed", "identity.seed", "too short");
  const zeros = stateWith("zeros", "identity.seed", "\0".repeat(32));
  const books = stateWith("books", "ledger.db", noDatabase);
  copyFileSync(join(directory, "someone", "identity.seed"), join(books, "identity.seed"));
  const agentState = stateWith("agent", "agent.db", noDatabase);
  copyFileSync(join(directory, "someone", "identity.seed"), join(agentState, "identity.seed"));
  const before = [seed, zeros, books].map(contentsOf);

  const badSeed = /identity\.seed should hold 32 random bytes and does not: restore it from your copy, or move it away/;
  const badLedger = /ledger\.db: file is not a database; the ledger was left as it is: restore it from your copy/;
  const cases: readonly (readonly [string[], RegExp])[] = [
    ...[seed, zeros].flatMap((state): [string[], RegExp][] => [
      [["identity", "--state-dir", state], badSeed],
      [["certify", "authority", "--state-dir", state], badSeed],
      [["agent", "--config", configs.agent, "--state-dir", state], badSeed],
    ]),
    [["bookkeeper", "--config", configs.bookkeeper, "--state-dir", seed], badSeed],
    [["bookkeeper", "--config", configs.bookkeeper, "--state-dir", books], badLedger],
    [["account", "list", "--state-dir", books], badLedger],
    [["account", "audit", "--state-dir", books], badLedger],
    [["account", "show", id, "--state-dir", books], badLedger],
    [["assign", order, "--state-dir", books], badLedger],
    [
      ["status", "--config", configs.agent, "--state-dir", agentState],
      /agent\.db: file is not a database; the agent sets it aside/,
    ],
    [["account", "list", "--state-dir", join(directory, "nowhere")], /nowhere: no ledger there; name .* with --state-dir/],
    [["assign", order, "--state-dir", join(directory, "nowhere")], /nowhere: no bookkeeper's state there/],
    [["status", "--config", configs.agent, "--state-dir", join(directory, "nowhere")], /nowhere: no agent's state there/],
  ];
  // One after the other: several of them lock the same directory.
  for (const [args, why] of cases) await refused(t, args, 1, why);
  t.strictSame([seed, zeros, books].map(contentsOf), before, "nothing was replaced");
  t.notOk(readdirSync(directory).includes("nowhere"), "nothing was made where nothing was");

  // An agent's journal can be done without: it is kept for a person to look at, and the agent lives on.
  const agent = startProgram(["agent", "--config", configs.agent, "--state-dir", agentState, "--json"]);
  t.teardown(() => agent.end("SIGKILL"));
  const trouble = await agent.waitFor(({ type }) => type === "trouble", "it says so");
  t.match(trouble["what"], /agent\.db: file is not a database; it is kept as .*agent\.db\.damaged-/);
  await agent.waitFor(({ type }) => type === "offline", "it goes on");
  t.strictSame(await agent.end("SIGTERM"), { code: 0, signal: null });
  const aside = readdirSync(agentState).filter((name) => /^agent\.db\.damaged-[0-9a-f]+$/.test(name));
  t.equal(readFileSync(join(agentState, aside[0] ?? "none"), "utf8"), noDatabase, "every byte of it");
});
