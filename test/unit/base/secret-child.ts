import { loadOrCreateSecret, makeSystemRandom, toHex } from "../../../base/index.ts";

/** Loads or makes the secret of a file, and prints it. */
process.stdout.write(`${toHex(await loadOrCreateSecret(process.argv[2] ?? "", 32, makeSystemRandom()))}\n`);
