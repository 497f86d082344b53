import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** What a fake ping(8) answers. */
export interface FakePing {
  /** What it prints for `-V`. */
  readonly version?: string;
  readonly stdout?: string;
  readonly stderr?: string;
  readonly exitCode?: number;
  /** Never ends by itself, and holds this named pipe open for as long as it lives. */
  readonly hangsHolding?: string;
}

/**
 * Puts a fake ping into a folder and answers the PATH on which it is the only ping. It writes its arguments into the file
 * `args`.
 */
export function fakePing(folder: string, fake: FakePing): string {
  const print = (text: string): string => `cat <<'END'\n${text.replace(/\n?$/, "\n")}END\n`;
  const lines = [
    "#!/bin/sh",
    `PATH=/usr/bin:/bin`,
    `[ "$1" = -V ] && { ${print(fake.version ?? "ping from iputils 20221126")}exit 0; }`,
    `echo "$*" > '${folder}/args'`,
    fake.hangsHolding === undefined ? "" : `exec 9> '${fake.hangsHolding}'; echo up >&9; exec tail -f /dev/null`,
    fake.stdout === undefined ? "" : print(fake.stdout),
    fake.stderr === undefined ? "" : `{ ${print(fake.stderr)}} >&2`,
    `exit ${fake.exitCode ?? 0}`,
  ];
  const program = join(folder, "ping");
  writeFileSync(program, lines.join("\n"));
  chmodSync(program, 0o755);
  return folder;
}
