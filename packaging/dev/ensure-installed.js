// Runs `npm ci` when a checkout has no dependencies yet, or has those of an older lockfile, so that `npm start` and
// `npm test` each work alone on a fresh clone. Plain JavaScript: it runs on the machine's own Node before ours is there.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));
const stamp = `${root}node_modules/.bonusnode-installed`;
const wanted = createHash("sha256")
  .update(readFileSync(`${root}package-lock.json`))
  .digest("hex");

if (!existsSync(stamp) || readFileSync(stamp, "utf8") !== wanted) {
  process.stderr.write("bonusnode: first run in this checkout, installing its packages (npm ci, once)\n");
  const done = spawnSync("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], { cwd: root, stdio: ["ignore", 2, 2] });
  if (done.status !== 0) {
    process.stderr.write("bonusnode: npm ci failed; see the lines above. Is a package registry reachable?\n");
    process.exit(1);
  }
  writeFileSync(stamp, wanted);
}
