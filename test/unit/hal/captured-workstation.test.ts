/**
 * What a captured ARM workstation with an NVIDIA GPU says of itself. The archive is published by others and not part of this
 * repository; where it does not lie beside it, or cannot be unpacked, the test says so and is skipped. It holds DMI and CPUs but no
 * buses and no mounts, so its GPU, disks and links must come out as absent or unknown, not as none.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "tap";
import { known, makeLinuxHost, readFacts } from "../../../hal/index.ts";
import { makeStillClock } from "../../sim/still-clock.ts";

const NAME = "nvidia-dgx-gb10";
const ARCHIVE = fileURLToPath(new URL(`../../../../shared/captures/${NAME}.tar.bz2`, import.meta.url));

test("an ARM workstation", { skip: !existsSync(ARCHIVE) && "no captures beside this repository" }, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "bonusnode-captures-"));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const unpacked = spawnSync("tar", ["-xjf", ARCHIVE, "-C", directory, "--exclude", "*/system/node/*"]);
  if (unpacked.status !== 0) {
    t.comment(`tar cannot unpack it: ${unpacked.error?.message ?? unpacked.stderr.toString()}`);
    return;
  }
  const host = makeLinuxHost({ root: join(directory, NAME) });
  const facts = await readFacts({ host, clock: makeStillClock() }, { dataDirectory: "/" });
  t.match(known(facts.board), {
    dmiVendor: "NVIDIA",
    dmiProduct: "NVIDIA_DGX_Spark",
    chassisType: 17,
    boardName: "nvidia-nvidia_dgx_spark",
  });
  t.equal(known(facts.cpu)?.logicalCpus, 20);
  for (const name of ["gpus", "disks", "interfaces", "routes", "volumes"] as const) {
    t.equal(facts[name].kind, "absent", `${name}: not in the archive`);
  }
});
