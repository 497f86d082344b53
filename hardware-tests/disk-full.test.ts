import { execFileSync } from "node:child_process";
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, truncateSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t from "tap";
import { readBalance } from "../test/e2e/books.ts";
import { freePort, makeField } from "../test/e2e/field.ts";
import { BUSY_PLAN, makeEmbeddedKillable, makeStage, PLAN_FILES, settle } from "../test/e2e/kills.ts";

/*
 * Real file systems (ext4 in a file, mounted over a loop device) that become full under the agent's journal and under the ledger. Both
 * programs say so and live on; when there is room again they go on where they were, and the books are right.
 */

const DISK_BYTES = 96 * 2 ** 20;

t.setTimeout(600_000);

t.test("the disks of agent and bookkeeper become full, one after the other", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "bonusnode-"));
  writeFileSync(join(directory, "password"), "secret\n");
  const disks = { agent: mountDisk(join(directory, "agent-0")), bookkeeper: mountDisk(join(directory, "bookkeeper")) };
  const broker = makeEmbeddedKillable(await freePort());
  const plan = BUSY_PLAN.replace("PORT", String(await freePort()));
  const field = await makeField({ directory, agents: 1, broker: broker.access, plan, planFiles: PLAN_FILES });
  await broker.start();
  const stage = makeStage(field, { built: true });
  t.teardown(async () => {
    await Promise.all([stage.agent.stop(), stage.bookkeeper.stop(), broker.kill()]);
    for (const disk of Object.values(disks)) disk.unmount();
    rmSync(directory, { recursive: true });
  });
  const agent = stage.agent.program();
  const bookkeeper = stage.bookkeeper.program();
  const isAccepted = (event: { readonly type: string; readonly status?: unknown }): boolean =>
    event.type === "receipt" && event.status === "accepted";
  const accepted = (): number => agent.events.filter(isAccepted).length;
  const untilMoreAccepted = (): Promise<unknown> => {
    const before = accepted();
    return agent.waitFor(() => accepted() > before + 1, "proofs were accepted again");
  };
  await agent.waitFor(isAccepted, "a first proof was accepted");

  disks.agent.fill();
  const told = await agent.waitFor(
    (event) => event.type === "trouble" || (event.type === "refused" && event["reason"] === "outbox-full"),
    "the agent said that its disk is full",
  );
  t.match(JSON.stringify(told), /disk .* full|disk is full/, "in words that tell what is wrong");
  disks.agent.empty();
  await untilMoreAccepted();
  t.equal(stage.agent.program().pid, agent.pid, "the agent is the one that was started");

  disks.bookkeeper.fill();
  const ledgerTold = await bookkeeper.waitFor((event) => event.type === "trouble", "the bookkeeper said that its disk is full");
  t.match(ledgerTold["what"], /full|room/, "in words that tell what is wrong");
  disks.bookkeeper.empty();
  await untilMoreAccepted();

  await settle(field, stage);
  const { audit, ...counts } = readBalance(field);
  t.comment(JSON.stringify({ ...counts, records: audit.records }));
  t.equal(counts.receipted, counts.accepted, "accepted assignments = receipts");
  t.strictSame([counts.provedTwice, counts.refusedProofs, audit.problems], [0, [], []]);
});

interface Disk {
  /** Takes the last byte. */
  fill(): void;
  empty(): void;
  unmount(): void;
}

function mountDisk(directory: string): Disk {
  const image = `${directory}.img`;
  writeFileSync(image, "");
  truncateSync(image, DISK_BYTES);
  execFileSync("mkfs.ext4", ["-q", image]);
  mkdirSync(directory);
  execFileSync("mount", ["-o", "loop", image, directory]);
  const filler = join(directory, "filler");
  return {
    fill: () => {
      const file = openSync(filler, "a");
      for (let size = 2 ** 20; size >= 1; ) {
        try {
          writeSync(file, Buffer.alloc(size));
        } catch {
          size = Math.floor(size / 2);
        }
      }
      closeSync(file);
    },
    empty: () => rmSync(filler),
    unmount: () => void execFileSync("umount", [directory]),
  };
}
