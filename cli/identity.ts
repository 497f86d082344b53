import { join } from "node:path";
import { loadOrCreateSecret, makeSystemRandom, messageOf } from "../base/index.ts";
import { loadEd25519, makeSigningKey, SEED_BYTES } from "../protocol/index.ts";
import { EXIT } from "./exit-codes.ts";
import { chooseStateDirectory } from "./files-linux.ts";
import type { Verb } from "./world.ts";

/** What `bonusnode identity` was asked for. */
export interface IdentityVerbOptions {
  readonly stateDir?: string;
  readonly json?: boolean;
}

/** Shows the id of the agent or bookkeeper whose state directory it is, making its key when there is none. The key is never shown. */
export async function runIdentityVerb(options: IdentityVerbOptions, verb: Verb): Promise<number> {
  const { terminal } = verb;
  const directory = chooseStateDirectory(options.stateDir, verb.env, "/var/lib/bonusnode");
  try {
    const seed = await loadOrCreateSecret(join(directory, "identity.seed"), SEED_BYTES, makeSystemRandom());
    const { ed25519 } = await loadEd25519();
    const { id } = makeSigningKey(seed, ed25519);
    if (options.json === true) terminal.printJson({ id, stateDirectory: directory });
    else terminal.print(id);
    return EXIT.ok;
  } catch (thrown) {
    terminal.error(messageOf(thrown));
    return EXIT.failure;
  }
}
