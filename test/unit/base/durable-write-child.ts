import { writeSync } from "node:fs";
import { sha256, toHex, writeFileDurably } from "../../../base/index.ts";

/** Writes a file again and again, each time another content that names itself, and prints the number of each that was written. */
const [path = "", first = "0"] = process.argv.slice(2);
for (let number = Number(first); ; number++) {
  const body = `${number} ${"x".repeat((number * 7919) % 60_000)}`;
  await writeFileDurably(path, Buffer.from(`${body} ${toHex(sha256(Buffer.from(body)))}`), { mode: 0o600 });
  writeSync(1, `${number}\n`);
}
