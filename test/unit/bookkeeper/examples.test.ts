/*
 * The files that an operator starts from are complete and true: each reads as it stands and with every comment taken away, and no key
 * that the programs know is missing from them.
 */
import { readFileSync } from "node:fs";
import t from "tap";
import { parseBookkeeperConfig } from "../../../bookkeeper/config.ts";
import { parsePlan } from "../../../bookkeeper/plan.ts";

const read = (name: string): string => readFileSync(new URL(`../../../packaging/bookkeeper/${name}`, import.meta.url), "utf8");
const CONFIG = read("bookkeeper.toml");
const PLAN = read("plan.toml");
const uncommented = (text: string): string => text.replace(/^# ?(\[{1,2}[a-z]+\]{1,2}|[a-z_]+ = .*)$/gm, "$1");

t.test("the configuration, with every default as it says", async (t) => {
  const config = parseBookkeeperConfig(CONFIG, "bookkeeper.toml");
  if (!config.ok) throw new Error(config.error.join("\n"));
  t.strictSame(config.value, {
    state_dir: "/var/lib/bonusnode-bookkeeper",
    log_level: "info",
    network: { name: "main" },
    broker: { url: "mqtts://broker.example.org" },
    plan: { file: "plan.toml" },
    policy: {},
    verify: { recheck_share: 0.05 },
  });
  const full = parseBookkeeperConfig(uncommented(CONFIG), "bookkeeper.toml");
  if (!full.ok) throw new Error(full.error.join("\n"));
  for (const section of ["", "[network]", "[broker]", "[plan]", "[policy]", "[verify]", "[blobs]"]) {
    const text = section === "" ? `qq = 1\n${uncommented(CONFIG)}` : uncommented(CONFIG).replace(section, `${section}\nqq = 1`);
    const refused = parseBookkeeperConfig(text, "c.toml");
    const known = /known here: (.*)$/.exec(refused.ok ? "" : (refused.error[0] ?? ""))?.[1]?.split(", ") ?? [];
    t.ok(known.length > 0, `the schema tells the keys of ${section || "the top"}`);
    for (const key of known) t.match(uncommented(CONFIG), new RegExp(`^(${key} = |\\[${key}\\])`, "m"), `${section} ${key}`);
  }
});

t.test("the plan, as it stands and with its compute item", async (t) => {
  for (const text of [PLAN, uncommented(PLAN)]) {
    const plan = parsePlan(text, "plan.toml");
    if (!plan.ok) throw new Error(plan.error.join("\n"));
    t.ok(plan.value.items.length >= 3);
  }
});
