import { hostname, userInfo } from "node:os";
import { basename } from "node:path";
import { type Clock, failure, messageOf, type Result, readFileBounded, success, writeFileDurably } from "../../base/index.ts";
import { HalError } from "../errors.ts";
import { makeLinuxHost } from "../host-linux.ts";
import { MAX_CAPTURE_CHARS } from "../limits.ts";
import { captureMachine } from "./capture.ts";
import { type Capture, readCapture } from "./capture-format.ts";

/**
 * Captures this machine into the file `path`, which its owner may then read through and give away. An old file is replaced. Answers
 * the text. Errors: `capture-too-large`, `capture-unwritable`.
 */
export async function captureThisMachine(
  needs: { readonly clock: Clock },
  options: {
    readonly path: string;
    readonly dataDirectory: string;
    readonly about?: readonly string[];
    readonly signal?: AbortSignal;
  },
): Promise<Result<string, HalError>> {
  const { path, ...rest } = options;
  const captured = await captureMachine({ host: makeLinuxHost(), clock: needs.clock }, { ...rest, privateWords: privateWords() });
  if (!captured.ok) return captured;
  try {
    await writeFileDurably(path, Buffer.from(captured.value), { mode: 0o644 });
    return captured;
  } catch (thrown) {
    const message = `cannot write the capture to ${path}: ${messageOf(thrown)}; name a file in a folder that you may write to`;
    return failure(new HalError("capture-unwritable", message, { cause: thrown }));
  }
}

/** Reads a capture from a file. Errors: `capture-unreadable`, `capture-invalid`. */
export async function loadCapture(path: string): Promise<Result<Capture, HalError>> {
  try {
    const text = Buffer.from(await readFileBounded(path, MAX_CAPTURE_CHARS)).toString("utf8");
    const capture = readCapture(text);
    if (capture.ok) return success(capture.value);
    return failure(new HalError("capture-invalid", `${path}: ${capture.error.message}`));
  } catch (thrown) {
    return failure(
      new HalError("capture-unreadable", `cannot read the capture ${path}: ${messageOf(thrown)}`, { cause: thrown }),
    );
  }
}

/** What this machine and its users are called; the names of many systems' only users say nothing. */
function privateWords(): readonly string[] {
  const words = [hostname(), hostname().split(".")[0] ?? "", process.env["SUDO_USER"] ?? "", basename(process.env["HOME"] ?? "")];
  try {
    words.push(userInfo().username);
  } catch {
    // A user without an entry has no name that could be private.
  }
  const common = new Set(["", "root", "localhost", "home", "nobody", "admin"]);
  return [...new Set(words)].filter((word) => !common.has(word.toLowerCase()));
}
