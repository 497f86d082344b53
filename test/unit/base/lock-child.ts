import { BaseError, lockDirectory } from "../../../base/index.ts";

/** Takes a directory, says so, and keeps it until it is ended. */
try {
  lockDirectory(process.argv[2] ?? "");
  process.stdout.write("held\n");
  setInterval(() => undefined, 60_000);
} catch (thrown) {
  process.stdout.write(`${thrown instanceof BaseError ? `${thrown.code}: ${thrown.message}` : String(thrown)}\n`);
}
