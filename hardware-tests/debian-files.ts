import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/*
 * Files of other machines: Debian packages of any architecture, and packages of npm for other processors, unpacked and not installed.
 * What was fetched once stays beside the checkout's packages, so a second run fetches nothing.
 */

const CACHE = fileURLToPath(new URL("../node_modules/.cache/bonusnode-machines/", import.meta.url));

/** Which Debian packages, with everything that they depend on. */
export interface DebianFiles {
  readonly suite: "bookworm" | "sid";
  readonly architecture: "amd64" | "arm64" | "armhf";
  readonly packages: readonly string[];
}

/** A folder with the files of these packages in their places. None of their scripts ran. */
export function debianFiles({ suite, architecture, packages }: DebianFiles): string {
  return cached(`${suite}-${architecture}-${packages.join("-")}`, (folder) => {
    execFileSync(
      "mmdebstrap",
      [
        ...["--quiet", "--variant=extract", `--architectures=${architecture}`, `--include=${packages.join(",")}`],
        // A mirror may stand still for longer than the archive calls its lists valid.
        `--aptopt=Acquire::Check-Valid-Until "false"`,
        ...[suite, folder],
      ],
      { stdio: ["ignore", "ignore", "inherit"] },
    );
    // Older packages lie below /lib; newer ones leave it to a script that /lib is /usr/lib.
    if (!existsSync(join(folder, "lib"))) symlinkSync("usr/lib", join(folder, "lib"));
  });
}

/** A folder with the files of a package of npm, whatever machine it is for. */
export function npmFiles(name: string, version: string): string {
  return cached(`${name}-${version}`, (folder) => {
    mkdirSync(folder);
    const npm = ["pack", "--silent", `${name}@${version}`];
    const file = execFileSync("npm", npm, { cwd: folder, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
    execFileSync("tar", ["-xzf", file, "--strip-components=1"], { cwd: folder });
    rmSync(join(folder, file));
  });
}

/** The folder of this name; made in another place first, so that one that is there is whole. */
function cached(name: string, make: (folder: string) => void): string {
  const folder = join(CACHE, name);
  if (existsSync(folder)) return folder;
  mkdirSync(CACHE, { recursive: true });
  const unfinished = `${folder}.${process.pid}`;
  rmSync(unfinished, { recursive: true, force: true });
  try {
    make(unfinished);
    renameSync(unfinished, folder);
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
  return folder;
}
