import { spawn } from "node:child_process";
import { createPublicKey, X509Certificate } from "node:crypto";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import t, { type Test } from "tap";
import { type Field, freePort, makeField } from "./field.ts";
import { makeEmbeddedKillable } from "./kills.ts";
import { runVerb, startProgram } from "./program.ts";

/*
 * The verbs that look at what the two programs keep, and the one that gives work by hand, beside programs that run. Each in words and as
 * JSON, and both must say the same.
 */

t.setTimeout(180_000);

/** A plan that gives nobody anything: all work comes by `assign`. */
const QUIET = `
[[items]]
name = "nothing"
every = "30d"
min_tier = "Super"
measure = { method = "tcp", targets = ["127.0.0.1:1"] }
`;

/** Runs a verb that must succeed; answers its standard output. */
async function succeed(t: Test, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runVerb(args);
  t.equal(code, 0, `${args.slice(0, 2).join(" ")}: ${stderr}`);
  return stdout;
}

async function succeedAsJson(t: Test, ...args: string[]): Promise<Record<string, unknown>> {
  return JSON.parse(await succeed(t, ...args, "--json")) as Record<string, unknown>;
}

t.test("beside a bookkeeper and an agent that run", async (t) => {
  const directory = t.testdir({ password: "secret\n" });
  const port = await freePort();
  const broker = makeEmbeddedKillable(port);
  const field = await makeField({ directory, agents: 1, broker: broker.access, plan: QUIET });
  const agent = field.agents[0] ?? { id: "", config: "", directory: "" };
  const books = ["--state-dir", field.bookkeeper.directory];
  await broker.start();
  t.teardown(() => broker.kill());
  const start = (verb: string, config: string) => {
    const program = startProgram([verb, "--config", config, "--json", "--log-level", "error"]);
    t.teardown(() => program.end("SIGKILL"));
    return program;
  };
  const bookkeeper = start("bookkeeper", field.bookkeeper.config);
  await bookkeeper.waitFor(({ type }) => type === "online", "it is online");

  t.strictSame(JSON.parse(await succeed(t, "account", "list", ...books, "--json")), []);
  const empty = await runVerb(["account", "list", ...books]);
  t.match(empty, { code: 0, stdout: "", stderr: "no node has registered yet\n" });
  t.match(await runVerb(["-q", "account", "list", ...books]), { code: 0, stdout: "", stderr: "" }, "unsaid when quiet");
  t.match(await runVerb(["account", "show", agent.id, ...books]), { code: 1, stdout: "", stderr: /has never registered here/ });

  const device = start("agent", agent.config);
  await device.waitFor(({ type }) => type === "registered", "it registered");
  await t.test("assign", (t) => assign(t, { field, port, books }));
  await t.test("account", (t) => account(t, { node: agent.id, books }));
  await t.test("status and identity", (t) => describe(t, agent));
  await t.test("colours", (t) => colours(t, books));
  t.strictSame(await device.end("SIGTERM"), { code: 0, signal: null });
  t.strictSame(await bookkeeper.end("SIGTERM"), { code: 0, signal: null });
  await t.test("account, with nobody there", (t) => account(t, { node: agent.id, books }));
});

interface Scene {
  readonly field: Field;
  readonly port: number;
  readonly books: readonly string[];
}

async function assign(t: Test, { field, port, books }: Scene): Promise<void> {
  const folder = join(field.bookkeeper.config, "..");
  const order = (name: string, text: string): string => {
    const file = join(folder, `${name}.toml`);
    writeFileSync(file, text);
    return file;
  };
  const measure = `measure = { method = "tcp", targets = ["127.0.0.1:${port}"], count = 1 }\n`;
  const good = order("good", measure);
  const said = await succeed(t, "assign", good, ...books, "--wait", "30s");
  t.match(said, /^order [0-9a-f]{12}: proved, record \d+\n$/);
  const json = await succeedAsJson(t, "assign", good, ...books, "--wait", "30s");
  t.match(json, { order: /^[0-9a-f]{32}$/, state: "proved", record: Number });
  t.match(await succeed(t, "assign", good, ...books), /^order [0-9a-f]{32} is left for the bookkeeper; "--wait 30s" would/);

  const missing = order("missing", 'store = { file = "not-there.bin" }\n');
  const problem = await runVerb(["assign", missing, ...books, "--wait", "30s"]);
  t.equal(problem.code, 1, "an order that cannot be carried out");
  t.match(problem.stdout, /^order [0-9a-f]{12}: .*not-there\.bin/);
  const nobody = order("nobody", `min_tier = "Super"\n${measure}`);
  const late = await runVerb(["assign", nobody, ...books, "--wait", "1s"]);
  t.match(late, {
    code: 1,
    stdout: "",
    stderr: /^order [0-9a-f]{12}: still waiting for a node that can take it after 1s; it goes on/,
  });

  const wrong = order("wrong", `mesure = { method = "tcp" }\n`);
  const refused = await runVerb(["assign", wrong, ...books]);
  t.match(refused, { code: 78, stdout: "" });
  t.match(refused.stderr, `${wrong}:1: unknown key mesure; did you mean measure?`);
  t.match(await runVerb(["assign", join(folder, "none.toml"), ...books]), {
    code: 78,
    stdout: "",
    stderr: /no such file; an order looks/,
  });
}

/** Points with six places, as micro-points. */
const micro = (points: string | undefined): number => Number((points ?? "").replace(".", ""));

async function account(t: Test, { node, books }: { node: string; books: readonly string[] }): Promise<void> {
  const [listed, list, shown, show] = [
    await succeed(t, "account", "list", ...books),
    JSON.parse(await succeed(t, "account", "list", ...books, "--json")) as Record<string, unknown>[],
    await succeed(t, "account", "show", node, ...books),
    await succeedAsJson(t, "account", "show", node, ...books),
  ];
  const { online, work, bonus, total } = show as Record<string, number>;
  t.match(list, [{ node, total: Number }]);
  t.ok((work ?? 0) > 0 && (bonus ?? 0) > 0, `there is something on it: ${total}`);
  t.equal((online ?? 0) + (work ?? 0) + (bonus ?? 0), total, "the parts make the whole");
  t.match(listed, new RegExp(`^${node} `, "m"));
  const [inShow, inList] = [/^total +(\d+\.\d{6})$/m.exec(shown)?.[1], listed.trimEnd().split(/\s+/).at(-1)];
  t.ok(micro(inShow) >= micro(inList) && micro(inList) > 0, `a later look does not show less: ${inList}, ${inShow}`);
  t.match(shown, /measure [0-9a-f]{8}, proof 1\.1/, "an entry names the proof behind it");
  const entries = show["entries"] as Record<string, unknown>[];
  t.match(entries.at(-1), { record: Number, atMs: Number, microPoints: Number, for: "proof", kind: "measure", proof: "1.1" });
  t.equal(
    entries.reduce((sum, entry) => sum + Number(entry["microPoints"]), 0),
    total,
    "the entries add up to the account",
  );
  const few = await succeedAsJson(t, "account", "show", node, ...books, "--entries", "1");
  const records = (few["entries"] as Record<string, unknown>[]).map(({ record }) => record);
  t.strictSame([...new Set(records)], [entries[0]?.["record"]], "the newest record alone");
  t.match(await succeed(t, "account", "audit", ...books), /^\d+ records, \d+ proofs, .*: the replay agrees to the unit\n$/);
  t.match(await succeedAsJson(t, "account", "audit", ...books), { problems: [], proofs: Number, records: Number });
}

async function describe(t: Test, agent: { id: string; config: string; directory: string }): Promise<void> {
  const status = await succeed(t, "status", "--config", agent.config);
  const json = await succeedAsJson(t, "status", "--config", agent.config);
  t.match(json, { node: agent.id, board: String, tier: /Lite|Normal|Super/, kinds: ["measure", "store", "compute"] });
  t.match(status, new RegExp(`^node +${agent.id}$`, "m"));
  t.match(status, new RegExp(`^tier +${json["tier"]}$`, "m"));
  t.match(status, /^earned +\d+\.\d{6} points$/m);
  t.match(status, /^proofs +\d+ accepted, 0 refused, \d+ waiting for a receipt$/m);
  const byFlag = await succeedAsJson(t, "status", "--state-dir", agent.directory);
  t.equal(byFlag["node"], agent.id, "the state directory alone is enough");
  const byEnvironment = await runVerb(["status", "--json"], { env: { BONUSNODE_STATE_DIR: agent.directory } });
  t.equal((JSON.parse(byEnvironment.stdout) as { node: string }).node, agent.id, "and by BONUSNODE_STATE_DIR");
  t.equal(await succeed(t, "identity", "--state-dir", agent.directory), `${agent.id}\n`);
  const identity = await succeedAsJson(t, "identity", "--state-dir", agent.directory);
  t.strictSame(identity, { id: agent.id, stateDirectory: agent.directory });
}

/** Runs a verb on a pseudo-terminal, as util-linux's `script` gives one. */
function runOnTerminal(args: readonly string[], env: Record<string, string>): Promise<string> {
  const main = fileURLToPath(new URL("../../cli/main.ts", import.meta.url));
  const command = [process.execPath, main, ...args].map((part) => `'${part}'`).join(" ");
  const child = spawn("script", ["-qec", command, "/dev/null"], {
    env: { PATH: process.env["PATH"] ?? "", TERM: "xterm", ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let text = "";
  child.stdout.on("data", (chunk: Buffer) => {
    text += chunk.toString();
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", () => resolve(text));
  });
}

async function colours(t: Test, books: readonly string[]): Promise<void> {
  if (!existsSync("/usr/bin/script")) {
    t.pass("not looked at", { skip: "this machine has no `script` to make a pseudo-terminal with" });
    return;
  }
  const ANSI = /\p{Cc}\[\d+m/u;
  const args = ["account", "list", ...books];
  t.match(await runOnTerminal(args, {}), ANSI, "a terminal gets colours");
  t.notMatch(await runOnTerminal(args, { NO_COLOR: "1" }), ANSI, "unless NO_COLOR is set");
  t.notMatch(await runOnTerminal(args, { TERM: "dumb" }), ANSI, "or it cannot show any");
  t.notMatch(await runOnTerminal(["-q", ...args], {}), ANSI, "or it is to be quiet");
  t.notMatch(await succeed(t, ...args), ANSI, "a pipe gets none");
}

t.test("certify", async (t) => {
  const directory = t.testdir();
  const books = ["--state-dir", join(directory, "bookkeeper")];
  const node = (await succeed(t, "identity", "--state-dir", join(directory, "node"))).trim();
  const authority = new X509Certificate(await succeed(t, "certify", "authority", ...books));
  const bookkeeper = (await succeed(t, "identity", ...books)).trim();
  t.match(authority.subject, `CN=${bookkeeper}`);
  t.ok(authority.ca);
  const ofNode = new X509Certificate(await succeed(t, "certify", "node", node, ...books));
  t.match(ofNode.subject, `CN=${node}`);
  const keyFile = join(directory, "broker.key");
  const ofBroker = new X509Certificate(
    await succeed(t, "certify", "broker", "broker.example.org", "192.0.2.7", "--key", keyFile, ...books),
  );
  t.match(ofBroker.subjectAltName, "DNS:broker.example.org, IP Address:192.0.2.7");
  for (const certificate of [ofNode, ofBroker]) {
    t.ok(certificate.verify(authority.publicKey), `${certificate.subject} is signed by the bookkeeper`);
    t.notOk(certificate.ca);
  }
  const key = readFileSync(keyFile, "utf8");
  t.equal(statSync(keyFile).mode & 0o777, 0o600, "the key is its owner's alone");
  t.ok(createPublicKey(key).equals(ofBroker.publicKey), "and the one of the certificate");
  const again = await runVerb(["certify", "broker", "localhost", "--key", keyFile, ...books]);
  t.match(again, { code: 1, stdout: "", stderr: /broker\.key: cannot be written: .*a key that is there is not replaced/ });
  t.equal(readFileSync(keyFile, "utf8"), key);
});
