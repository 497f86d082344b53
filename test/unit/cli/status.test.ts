/** What `bonusnode status` shows of a node that a bookkeeper takes for less than it claims. */
import { join } from "node:path";
import t from "tap";
import { makeStandings } from "../../../agent/standings.ts";
import { openAgentState } from "../../../agent/state-store.ts";
import { STATE_FILES, writeNote } from "../../../agent/status.ts";
import { runStatusVerb } from "../../../cli/status.ts";
import { makeTerminal } from "../../../cli/terminal.ts";
import type { Verb } from "../../../cli/world.ts";
import { formatId } from "../../../protocol/index.ts";
import { BOOKKEEPER_KEY } from "../../sim/agent-samples.ts";
import { FACTS } from "../../sim/agent-world.ts";

t.test("a demotion is shown with its reason, and is gone with it", async (t) => {
  const directory = t.testdir();
  const state = openAgentState(join(directory, STATE_FILES.state));
  writeNote(state, "bxn1node", FACTS);
  const standings = makeStandings(state, () => undefined);
  const issuer = BOOKKEEPER_KEY.publicKey;
  const show = async (json: boolean): Promise<string> => {
    let stdout = "";
    const terminal = makeTerminal({
      stdout: { write: (text) => (stdout += text) },
      stderr: { write: () => 0 },
      env: { COLUMNS: "200" },
    });
    const options = { config: join(directory, "none.toml"), stateDir: directory, json };
    t.equal(await runStatusVerb(options, { terminal, env: {} } as unknown as Verb), 0);
    return stdout;
  };
  standings.onReceipt({ issuer, issuedAt: 1, tier: "Normal" });
  t.notMatch(await show(false), /demoted/);
  standings.onReceipt({ issuer, issuedAt: 2, tier: "Lite", detail: "In a day 3 of its proofs spoke against it: no-room." });
  t.match(
    await show(false),
    new RegExp(`^demoted +Lite to bookkeeper ${formatId(issuer).slice(0, 12)}: In a day 3 of its proofs`, "m"),
  );
  t.match(JSON.parse(await show(true)).granted, { [formatId(issuer)]: { tier: "Lite" } });
  standings.onReceipt({ issuer, issuedAt: 3, tier: "Normal" });
  t.notMatch(await show(false), /demoted/);
  state.close();
});
