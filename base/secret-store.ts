import { BaseError } from "./errors.ts";
import { readFileBounded, writeFileDurably } from "./files-linux.ts";
import { MAX_KEY_FILE_BYTES } from "./limits.ts";
import type { Random } from "./random.ts";

/**
 * The random secret of exactly `length` bytes that the file holds, readable by its owner alone; made once when the file is
 * absent. A file that is there but holds something else is never replaced (`bad-secret`): whoever damaged it decides.
 */
export async function loadOrCreateSecret(path: string, length: number, random: Random): Promise<Uint8Array> {
  try {
    const bytes = await readFileBounded(path, MAX_KEY_FILE_BYTES);
    if (bytes.length === length && bytes.some((byte) => byte !== 0)) return new Uint8Array(bytes);
    throw new BaseError(
      "bad-secret",
      `${path} should hold ${length} random bytes and does not: restore it from your copy, or move it away to start as someone new`,
    );
  } catch (thrown) {
    if (!(thrown instanceof BaseError) || thrown.code !== "file-missing") throw thrown;
  }
  const secret = random.bytes(length);
  try {
    await writeFileDurably(path, secret, { mode: 0o600, exclusive: true });
    return secret;
  } catch (thrown) {
    // Another process of the same owner was faster; its secret is the one.
    if ((thrown as NodeJS.ErrnoException).code !== "EEXIST") throw thrown;
    return loadOrCreateSecret(path, length, random);
  }
}
