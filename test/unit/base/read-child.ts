import { BaseError, readFileBounded } from "../../../base/index.ts";

/** Reads a file as whoever this process runs as, and prints what came of it. */
try {
  await readFileBounded(process.argv[2] ?? "", 100);
  process.stdout.write("read\n");
} catch (thrown) {
  process.stdout.write(`${thrown instanceof BaseError ? thrown.code : String(thrown)}\n`);
}
