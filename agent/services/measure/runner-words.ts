import * as v from "valibot";
import { measureEvidenceSchema } from "../../../protocol/index.ts";
import type { Job, RunnerWord } from "./runner/job.ts";

const bytes = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const traffic = v.strictObject({ upBytes: bytes, downBytes: bytes });

/** Results are checked as what they will be part of: evidence. */
const wordSchema = v.variant("kind", [
  v.strictObject({ kind: v.literal("ask"), addresses: v.pipe(v.array(v.pipe(v.string(), v.maxLength(64))), v.maxLength(64)) }),
  v.strictObject({ kind: v.literal("result"), result: v.unknown(), traffic }),
  v.strictObject({ kind: v.literal("end"), traffic }),
]);

/** What the child said in one line, or undefined where that is nothing it may say. Never throws. */
export function parseRunnerWord(line: string, method: Job["method"]): RunnerWord | undefined {
  const read = v.safeParse(wordSchema, parseJson(line));
  if (!read.success) return undefined;
  const word = read.output;
  if (word.kind !== "result") return word;
  const evidence = v.safeParse(measureEvidenceSchema, { method, instrument: "child", results: [word.result] });
  const result = evidence.success ? evidence.output.results[0] : undefined;
  return result === undefined ? undefined : { kind: "result", result, traffic: word.traffic };
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
