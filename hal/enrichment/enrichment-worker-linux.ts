/**
 * The program that asks the optional package `systeminformation` one thing: `node enrichment-worker-linux.ts FUNCTION [MODULE]`. Only
 * `enrichment-linux.ts` starts it; a test names another module. Prints one line of JSON, and no field that is not in use.
 */
import { writeSync } from "node:fs";
import { messageOf } from "../../base/index.ts";
import { isEnrichmentCall, pickAnswer } from "./enrichment.ts";

type Answers = Readonly<Record<string, () => Promise<unknown>>>;

async function ask(name: string | undefined, module: string | undefined): Promise<object> {
  if (!isEnrichmentCall(name)) return { failed: `no function is called ${name}` };
  let loaded: Answers & { readonly default?: Answers };
  try {
    loaded = await (module === undefined ? import("systeminformation" as string) : import(module));
  } catch (thrown) {
    const isMissing = (thrown as { readonly code?: unknown }).code === "ERR_MODULE_NOT_FOUND";
    return { missing: isMissing ? "it is not installed" : messageOf(thrown) };
  }
  const call = loaded.default?.[name] ?? loaded[name];
  if (typeof call !== "function") return { missing: `it has no ${name}()` };
  return { answer: pickAnswer(name, await call()) ?? null };
}

const [name, module] = process.argv.slice(2);
const line = await ask(name, module).catch((thrown: unknown) => ({ failed: messageOf(thrown) }));
writeSync(1, `${JSON.stringify(line)}\n`);
process.exit(0);
