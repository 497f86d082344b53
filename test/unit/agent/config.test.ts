/**
 * The configuration: the commented example is complete and true, every kind of mistake is refused with its line and what is allowed, and
 * quiet hours hold across midnight. The example is taken from the file that is shipped, and its keys are compared with the schema's own.
 */
import { readFileSync } from "node:fs";
import { test } from "tap";
import { type AgentConfig, isQuiet, parseAgentConfig } from "../../../agent/config.ts";

const EXAMPLE = readFileSync(new URL("../../../packaging/agent/config.toml", import.meta.url), "utf8");
const COMMENTED_KEY = /^#([a-z_]+ = .*)$/gm;
const ID = /bxn1[a-z0-9]+/.exec(EXAMPLE)?.[0] ?? "";

/** The least that is a configuration; `more` follows in the section `[limits]`. */
function minimal(more = ""): string {
  return `[network]\nname = "n"\nbookkeepers = ["${ID}"]\n[broker]\nurl = "mqtt://b"\n[limits]\n${more}\n`;
}

function parse(text: string): AgentConfig {
  const parsed = parseAgentConfig(text, "c.toml");
  if (!parsed.ok) throw new Error(parsed.error.join("\n"));
  return parsed.value;
}

function problems(text: string): readonly string[] {
  const parsed = parseAgentConfig(text, "c.toml");
  return parsed.ok ? [] : parsed.error;
}

/** The keys that a table of the schema knows, as it tells who names another one. */
function knownKeys(header: string): string[] {
  const at =
    header === "" ? `qqqqqqqqqqqqqqq = 1\n${minimal()}` : `${minimal()}`.replace(header, `${header}\nqqqqqqqqqqqqqqq = 1`);
  const found = problems(at.includes("qqqq") ? at : `${at}${header}\nqqqqqqqqqqqqqqq = 1\n`).find((text) =>
    text.includes("qqqq"),
  );
  return /known here: (.*)$/.exec(found ?? "")?.[1]?.split(", ") ?? [];
}

test("the example is a configuration, with every default as it says", (t) => {
  const config = parse(EXAMPLE);
  t.match(config, {
    state_dir: "/var/lib/bonusnode",
    log_level: "info",
    network: { name: "main", allow_private_targets: false },
  });
  t.same(config.limits, { kinds: ["measure", "store", "compute"], cpu_share: 0.5 });
  t.same(config.metrics, { port: 9464 });
  t.end();
});

test("every key of the example can be uncommented, and no key of the schema is missing from it", (t) => {
  const full = EXAMPLE.replace(COMMENTED_KEY, "$1");
  const config = parse(full);
  const written = new Set([...full.matchAll(/^([a-z_]+) = /gm)].map((match) => match[1]));
  const sections = ["", "[network]", "[broker]", "[limits]", "[bandwidth]", "[metrics]"];
  for (const section of sections) {
    const keys = knownKeys(section);
    t.ok(keys.length > 1, `the schema tells the keys of ${section || "the top"}`);
    for (const key of keys) {
      const isSection = sections.includes(`[${key}]`);
      t.ok(isSection ? full.includes(`[${key}]`) : written.has(key), `${section} ${key} is in the example`);
    }
  }
  t.match(config.limits, {
    memory: 2 ** 29,
    disk: 10 * 2 ** 30,
    up: 5e6,
    down: 2e7,
    bytes_per_day: 2 * 2 ** 30,
    max_tier: "Normal",
  });
  t.match(config.limits.quiet_hours, { fromMinute: 22 * 60, toMinute: 7 * 60, text: "22:00-07:00" });
  t.match(config, {
    metrics: { enabled: true, port: 9464 },
    bandwidth: { consent: false, endpoint: "measure.example.org:7410", bytes: 25_000_000, allow_metered: false },
    broker: { username: "bonusnode", password_file: "broker.password" },
  });
  t.end();
});

test("each key of the example says what it is, in comment lines of its own", (t) => {
  const lines = EXAMPLE.split("\n");
  for (const [index, line] of lines.entries()) {
    if (!/^#?[a-z_]+ = /.test(line)) continue;
    let above = index - 1;
    while (/^# /.test(lines[above] ?? "")) above -= 1;
    const comment = lines.slice(above + 1, index).join(" ");
    t.match(comment, /Default|default/, `${line}: its default is named`);
    t.ok(comment.length > 60, `${line}: its effect is told`);
  }
  t.end();
});

/** A mistake, and what has to be said of it: where, and what would be right. */
const MISTAKES: readonly (readonly [text: string, said: RegExp])[] = [
  [minimal("cpu_shares = 0.5"), /^c\.toml:7: unknown key limits\.cpu_shares; did you mean cpu_share\?$/],
  [
    '[network]\nname = "n"\nbookkeepers = ["bxn1cesgmlz29ml5ggt8438f4zqzhfqfjz84q2a6zefsgph8v5t8tpgq0wnv4t"]\n[broker]\nurl = "mqtt://x"\n[bandwidth]\nconsent = true',
    /consent needs an endpoint/,
  ],
  [minimal("quiet = true"), /^c\.toml:7: unknown key limits\.quiet; known here: max_tier, kinds,/],
  [`statedir = "/x"\n${minimal()}`, /^c\.toml:1: unknown key statedir; did you mean state_dir\?$/],
  [`${minimal()}[metric]\nenabled = true\n`, /^c\.toml:8: unknown key metric; did you mean metrics\?$/],
  [minimal("cpu_share = 0"), /^c\.toml:7: limits\.cpu_share: at least 0\.01/],
  [minimal("cpu_share = 1.5"), /^c\.toml:7: limits\.cpu_share: at most 1/],
  [minimal('cpu_share = "half"'), /^c\.toml:7: limits\.cpu_share: expected .*number.*half/],
  [minimal("cpu_share = nan"), /^c\.toml:7: limits\.cpu_share: expected .*number/],
  [minimal("memory = 512"), /^c\.toml:7: limits\.memory: expected .*(string|text).*512/],
  [minimal('memory = "512 megs"'), /^c\.toml:7: limits\.memory: expected a number with B, kB, MB/],
  [minimal('disk = "-1GB"'), /^c\.toml:7: limits\.disk: expected a number with B, kB, MB/],
  [minimal('up = "20MB"'), /^c\.toml:7: limits\.up: expected a number with bit\/s, kbit\/s/],
  [minimal('kinds = ["measure", "stor"]'), /^c\.toml:7: limits\.kinds\[2\] is "stor", not one of .*; did you mean "store"\?$/],
  [minimal('kinds = "measure"'), /^c\.toml:7: limits\.kinds: expected .*(Array|list)/],
  [minimal('max_tier = "normal"'), /^c\.toml:7: limits\.max_tier is "normal", not one of .*; did you mean "Normal"\?$/],
  [minimal('quiet_hours = "22-7"'), /^c\.toml:7: limits\.quiet_hours: expected two different times of day such as "22:00-07:00"/],
  [minimal('quiet_hours = "24:00-07:00"'), /^c\.toml:7: limits\.quiet_hours: expected two different times/],
  [minimal('quiet_hours = "07:00-07:00"'), /^c\.toml:7: limits\.quiet_hours: expected two different times/],
  [`log_level = "verbose"\n${minimal()}`, /^c\.toml:1: log_level is "verbose", not one of .*debug/],
  [`state_dir = ""\n${minimal()}`, /^c\.toml:1: state_dir: /],
  [minimal().replace('name = "n"', 'name = "My Network"'), /^c\.toml:2: network\.name: lower-case letters, digits, dot and dash/],
  [minimal().replace('name = "n"\n', ""), /^c\.toml:1: missing key network\.name/],
  [minimal().replace(/bookkeepers = .*/, "bookkeepers = []"), /^c\.toml:3: network\.bookkeepers: name at least one bookkeeper/],
  [
    minimal().replace(
      ID,
      ID.replace(/.$/, (last) => (last === "q" ? "p" : "q")),
    ),
    /^c\.toml:3: network\.bookkeepers\[1\]: expected an id that starts with bxn1; a character of this one is wrong/,
  ],
  [
    minimal().replace("[network]", "[network]\nallow_private_targets = 1"),
    /^c\.toml:2: network\.allow_private_targets: expected .*(boolean|true)/,
  ],
  [minimal().replace('url = "mqtt://b"\n', ""), /^c\.toml:4: missing key broker\.url/],
  [`${minimal()}[metrics]\nport = 70000\n`, /^c\.toml:9: metrics\.port: /],
  [`${minimal()}[metrics]\nport = 94.64\n`, /^c\.toml:9: metrics\.port: /],
  [minimal("cpu_share ="), /^c\.toml:7: not TOML: /],
  [minimal("kinds = []\nkinds = []"), /^c\.toml:\d+: not TOML: /],
];

test("every kind of mistake is refused with its line, its key and what is allowed", (t) => {
  for (const [text, said] of MISTAKES) {
    const found = problems(text);
    t.equal(found.length, 1, said.source);
    t.match(found[0], said);
  }
  t.end();
});

test("all mistakes are told at once", (t) => {
  const found = problems(minimal('cpu_share = 7\nmemory = "much"\ncolour = "blue"'));
  t.equal(found.length, 3);
  t.end();
});

test("quiet hours within a day and across midnight, to the minute", (t) => {
  const hours = (text: string) => parse(minimal(`quiet_hours = "${text}"`)).limits.quiet_hours;
  const minute = (text: string): number => Number(text.slice(0, 2)) * 60 + Number(text.slice(3));
  const cases: readonly (readonly [hours: string, quiet: readonly string[], loud: readonly string[]])[] = [
    ["22:00-07:00", ["22:00", "23:59", "00:00", "06:59"], ["07:00", "12:00", "21:59"]],
    ["09:30-17:00", ["09:30", "16:59"], ["09:29", "17:00", "00:00", "23:59"]],
    ["00:00-23:59", ["00:00", "23:58"], ["23:59"]],
    ["23:59-00:00", ["23:59"], ["00:00", "12:00"]],
  ];
  for (const [text, quiet, loud] of cases) {
    for (const time of quiet) t.ok(isQuiet(hours(text), minute(time)), `${time} is in ${text}`);
    for (const time of loud) t.notOk(isQuiet(hours(text), minute(time)), `${time} is not in ${text}`);
  }
  t.notOk(isQuiet(undefined, 0));
  t.end();
});
