import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import t from "tap";
import { runVerb } from "./program.ts";

/*
 * `proof show` and `proof verify` as a process, on the published samples: every message can be shown, and for each check one tampered proof
 * says on standard output why it fails, with exit code 65. (test/unit/protocol/tampered.test.ts runs the verb on all of them.)
 */

const FOLDER = fileURLToPath(new URL("../fixtures/protocol", import.meta.url));
const EXPECTED = JSON.parse(readFileSync(join(FOLDER, "tampered/expected.json"), "utf8")) as Record<
  string,
  { readonly args: readonly string[]; readonly check: string; readonly code: string }
>;

t.test("every kind of message can be shown", async (t) => {
  const samples = readdirSync(join(FOLDER, "v1")).filter((name) => name.endsWith(".hex"));
  // One of each kind, by the first word of its name.
  const kinds = new Map(samples.map((name) => [name.split(/[-.]/)[0] ?? "", name]));
  t.ok(kinds.size >= 8, [...kinds.keys()].join(", "));
  await Promise.all(
    [...kinds].map(async ([kind, name]) => {
      const file = join(FOLDER, "v1", name);
      const [page, json] = await Promise.all([runVerb(["proof", "show", file]), runVerb(["proof", "show", file, "--json"])]);
      t.equal(page.code, 0, name);
      t.match(page.stdout, new RegExp(`^message +${kind}, \\d+ bytes$`, "m"));
      t.match(page.stdout, /^issuer +bxn1/m);
      t.equal(page.stderr, 'The signature was not checked; "bonusnode proof verify" does that for proofs.\n');
      const shown = JSON.parse(json.stdout) as Record<string, unknown>;
      t.match(shown, { role: kind, issuer: /^bxn1/, keyId: /^[0-9a-f]{32}$/, bytes: Number });
      t.ok(page.stdout.includes(String(shown["claims"])), "both show the same claims");
    }),
  );
});

t.test("a proof that does not hold: which check, and why", async (t) => {
  const byCheck = new Map(Object.entries(EXPECTED).map(([file, { args, check, code }]) => [check, { file, args, code }]));
  t.ok(byCheck.size >= 8, [...byCheck.keys()].join(", "));
  await Promise.all(
    [...byCheck].map(async ([check, { file, args, code }]) => {
      const paths = args.map((arg) => (arg.endsWith(".hex") ? join(FOLDER, arg) : arg));
      const verdict = await runVerb(["proof", "verify", join(FOLDER, "tampered", file), ...paths]);
      t.equal(verdict.code, 65, `${file}: exit code`);
      t.match(verdict.stdout, new RegExp(`^fails +${check} +${code}: \\S`, "m"), `${file}: ${check}, ${code}`);
      t.match(verdict.stdout, /\nthe proof does not hold\n$/);
      t.equal(verdict.stderr, "");
    }),
  );
});

t.test("a proof that holds, as hexadecimal text and as bytes", async (t) => {
  const hex = join(FOLDER, "v1/proof-compute.hex");
  const binary = join(t.testdir(), "proof.cbor");
  writeFileSync(binary, Buffer.from(readFileSync(hex, "utf8").replace(/\s/g, ""), "hex"));
  for (const file of [hex, binary]) {
    const { code, stdout, stderr } = await runVerb(["proof", "verify", file, "--network", "sample", "--json"]);
    t.match({ code, stderr }, { code: 0, stderr: "" });
    t.match(JSON.parse(stdout), { holds: true, checks: Array });
  }
});

t.test("what is no message is refused with a reason", async (t) => {
  const directory = t.testdir({ "empty.hex": "", "text.hex": "hello", "huge.hex": "00".repeat(600_000), "cut.hex": "d28443" });
  const cases: readonly (readonly [string, number, RegExp])[] = [
    ["empty.hex", 65, /empty\.hex: \S+/],
    ["text.hex", 65, /text\.hex: \S+/],
    ["cut.hex", 65, /cut\.hex: \S+/],
    ["huge.hex", 1, /huge\.hex: larger than 1048576 bytes/],
    ["none.hex", 1, /none\.hex: no such file/],
  ];
  await Promise.all(
    cases.map(async ([name, expected, why]) => {
      const { code, stdout, stderr } = await runVerb(["proof", "show", join(directory, name)]);
      t.match({ code, stdout }, { code: expected, stdout: "" }, name);
      t.match(stderr, why);
      t.notMatch(stderr, /undefined|^\s+at /m);
    }),
  );
  const verdict = await runVerb(["proof", "verify", join(directory, "text.hex"), "--network", "sample"]);
  t.match(verdict, { code: 65, stdout: /fails +envelope +not-an-envelope: / });
});
