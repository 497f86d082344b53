/**
 * Every captured machine under test/fixtures/boards gives the facts, the board and the tier written in its expected.json, read from
 * memory and from the folder itself. A new board needs no code here.
 */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { test } from "tap";
import { decideTier, type Host, makeLinuxHost, NOTHING_MEASURED, readFacts } from "../../../hal/index.ts";
import { findBoard } from "../../../hal/machine.ts";
import { loadTree, makeSimHost } from "../../sim/machine-tree.ts";
import { shippedBoards } from "../../sim/shipped-boards.ts";
import { makeStillClock } from "../../sim/still-clock.ts";

const FIXTURES = fileURLToPath(new URL("../../fixtures/boards", import.meta.url));

async function describe(host: Host): Promise<unknown> {
  const facts = await readFacts({ host, clock: makeStillClock() }, { dataDirectory: "/var/lib/bonusnode" });
  const board = findBoard(facts, await shippedBoards());
  const { tier, limitedBy, reasons } = decideTier({ facts, measured: NOTHING_MEASURED, board });
  const id = board.kind === "found" ? board.value.profile.id : board;
  return JSON.parse(JSON.stringify({ facts, board: id, tier, limitedBy, reasons }));
}

/** The facts but for the sizes of mounted file systems, and why there are none. */
function withoutSizes(facts: object): unknown {
  const sizes = new Set(["totalBytes", "freeBytes", "sizeUnknown"]);
  const { volumes, ...others } = facts as { volumes: unknown };
  return { ...others, volumes: JSON.parse(JSON.stringify(volumes, (key, value) => (sizes.has(key) ? undefined : value))) };
}

for (const name of readdirSync(FIXTURES).filter((entry) => !entry.endsWith(".capture"))) {
  test(name, async (t) => {
    const folder = `${FIXTURES}/${name}`;
    t.ok(readFileSync(`${folder}/source.txt`, "utf8").length > 100, "says where it comes from");
    const expected = JSON.parse(readFileSync(`${folder}/expected.json`, "utf8"));
    const inMemory = await describe(makeSimHost(loadTree(folder)));
    t.same(inMemory, expected);

    // The folder itself tells no sizes of volumes; everything else must come out the same.
    const { facts } = (await describe(makeLinuxHost({ root: folder }))) as { facts: object };
    const volume = { kind: "absent", why: "a captured tree has no volumes" };
    t.same(withoutSizes(facts), withoutSizes({ ...(inMemory as { facts: object }).facts, volume }));
  });

  test(`${name} holds nothing that tells one machine from another`, (t) => {
    const tree = loadTree(`${FIXTURES}/${name}`);
    for (const [path, node] of tree.nodes) {
      const text = `${path} ${typeof node === "string" ? node : JSON.stringify(node)}`;
      t.notMatch(text, /\b([0-9a-f]{2}:){5}[0-9a-f]{2}\b/i, `${path}: no hardware address`);
      t.notMatch(path, /serial|uuid|asset_tag|\/address$/, `${path}: no serial number`);
    }
    t.end();
  });
}
