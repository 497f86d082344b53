import { type Clock, failure, type Result, success } from "../../base/index.ts";
import { HalError } from "../errors.ts";
import { readFacts } from "../facts.ts";
import type { Host } from "../host.ts";
import { MAX_CAPTURE_CHARS, MAX_CAPTURE_ENTRIES, MAX_CAPTURE_PATH } from "../limits.ts";
import type { ProbeResult } from "../probe-result.ts";
import { type CaptureEntry, formatCapture } from "./capture-format.ts";
import { scrubCapture } from "./capture-scrub.ts";

/** What to capture. */
export interface CaptureOptions {
  /** Where the data would be kept: an absolute path. */
  readonly dataDirectory: string;
  /** Names of the machine and of its users, to be taken out wherever they occur. */
  readonly privateWords: readonly string[];
  /** Lines for people at the top of the file. */
  readonly about?: readonly string[];
  readonly signal?: AbortSignal;
}

/**
 * Everything that readFacts reads on a machine, without what tells this machine from others of its kind, as the text of a capture.
 * Error: `capture-too-large`. Rejects only with the signal's reason.
 */
export async function captureMachine(
  needs: { readonly host: Host; readonly clock: Clock },
  options: CaptureOptions,
): Promise<Result<string, HalError>> {
  const recorder = recordHost(needs.host);
  const watch = options.signal === undefined ? {} : { signal: options.signal };
  await readFacts({ host: recorder.host, clock: needs.clock }, { dataDirectory: options.dataDirectory, ...watch });
  const { dataDirectory, entries, leftOut } = scrubCapture(options.dataDirectory, recorder.entries(), options.privateWords);
  const notes = leftOut.map((path) => `left out, because it may hold something private: ${path.replace(/[^/]*$/, "")}...`);
  const text = formatCapture(dataDirectory, entries, [...(options.about ?? []), ...new Set(notes)]);
  if (entries.length > MAX_CAPTURE_ENTRIES || text.length > MAX_CAPTURE_CHARS) {
    const message = `this machine answers more than a capture holds (${entries.length} files, ${text.length} characters)`;
    return failure(new HalError("capture-too-large", message));
  }
  return success(text);
}

/** A host that answers as another does, and keeps every answer but the plain "not there". */
function recordHost(host: Host): { readonly host: Host; readonly entries: () => readonly CaptureEntry[] } {
  const entries = new Map<string, CaptureEntry>();
  async function record<Value>(
    ask: CaptureEntry["ask"],
    path: string,
    asked: Promise<ProbeResult<Value>>,
    write: (value: Value) => string,
  ): Promise<ProbeResult<Value>> {
    const key = `${ask} ${path}`;
    const before = entries.get(key);
    // What never answers is in the capture as what it was.
    if (before === undefined) entries.set(key, { ask, path, outcome: "timeout", text: "no answer while this was captured" });
    const answer = await asked;
    // A file may be asked for twice with two limits.
    if (entries.get(key)?.outcome === "found" || path.length > MAX_CAPTURE_PATH || !path.startsWith("/")) return answer;
    if (answer.kind === "found") entries.set(key, { ask, path, outcome: "found", text: write(answer.value) });
    else if (answer.kind === "failed") entries.set(key, { ask, path, outcome: answer.error.code, text: answer.error.message });
    else if (answer.why === `${path} is not there`) entries.delete(key);
    else entries.set(key, { ask, path, outcome: "absent", text: answer.why });
    return answer;
  }
  return {
    host: {
      readText: (path, maxBytes) => record("file", path, host.readText(path, maxBytes), (text) => text),
      list: (path) => record("list", path, host.list(path), (names) => names.map((name) => `${name}\n`).join("")),
      readLink: (path) => record("link", path, host.readLink(path), (target) => target),
      readVolumeSize: (path) =>
        record("volume", path, host.readVolumeSize(path), (size) => `${size.realPath}\n${size.totalBytes} ${size.freeBytes}\n`),
    },
    entries: () => [...entries.values()],
  };
}
