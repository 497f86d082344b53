/**
 * A host of which one answer is broken, as a failing card, a hostile capture or a kernel of another kind would break it; and which
 * answers there are to break.
 */
import { makeSeededRandom } from "../../base/index.ts";
import { failed, found, type Host, known, type ProbeResult } from "../../hal/index.ts";

/** One question that probes asked, and got an answer to. */
export interface Question {
  readonly ask: "file" | "list" | "link";
  readonly path: string;
}

const HUGE = "7".repeat(10 * 1024 * 1024);

/** What is broken, and how. Random ones are the same again for the same seed. */
export const DAMAGES = ["empty", "cut", "10 MB", "noise", "forbidden", "a circle of links", "silence"] as const;
export type Damage = (typeof DAMAGES)[number];

/** A host that remembers what it was asked and answered. */
export function watchHost(host: Host): { readonly host: Host; readonly questions: () => readonly Question[] } {
  const questions = new Map<string, Question>();
  const watch = <Value>(ask: Question["ask"], path: string, answer: Promise<ProbeResult<Value>>): Promise<ProbeResult<Value>> =>
    answer.then((result) => {
      if (known(result) !== undefined) questions.set(`${ask} ${path}`, { ask, path });
      return result;
    });
  return {
    host: {
      ...host,
      readText: (path, maxBytes) => watch("file", path, host.readText(path, maxBytes)),
      list: (path) => watch("list", path, host.list(path)),
      readLink: (path) => watch("link", path, host.readLink(path)),
    },
    questions: () => [...questions.values()],
  };
}

/** The host with the answer to one question damaged. */
export function damageHost(host: Host, { ask, path }: Question, damage: Damage, seed: number): Host {
  const random = makeSeededRandom(seed);
  const noise = (length: number): string => Buffer.from(random.bytes(length)).toString("utf8");
  const cutAt = (length: number): number => Math.floor(random.fraction() * length);
  const damaged = <Value>(answer: Promise<ProbeResult<Value>>, change: (value: Value) => ProbeResult<Value>) => {
    if (damage === "silence") return new Promise<ProbeResult<Value>>(() => undefined);
    if (damage === "forbidden") return Promise.resolve(failed("denied", `no permission to read ${path}`));
    if (damage === "a circle of links") return Promise.resolve(failed("unreadable", `cannot read ${path}: ELOOP`));
    return answer.then((result) => (result.kind === "found" ? change(result.value) : result));
  };
  const text = (value: string, maxBytes: number): ProbeResult<string> => {
    if (damage === "10 MB") return HUGE.length > maxBytes ? failed("too-large", `${path} is too large`) : found(HUGE);
    if (damage === "noise") return found(noise(Math.min(4096, maxBytes)).slice(0, maxBytes / 4));
    return found(damage === "empty" ? "" : value.slice(0, cutAt(value.length)));
  };
  const names = (value: readonly string[]): ProbeResult<readonly string[]> => {
    if (damage === "10 MB") return failed("too-large", `${path} has too many entries`);
    if (damage === "noise") return found([noise(8), noise(200)].map((name) => name.replace(/[/\0]/g, "x")));
    return found(damage === "empty" ? [] : value.slice(0, cutAt(value.length)));
  };
  return {
    ...host,
    readText: (at, maxBytes) => {
      const answer = host.readText(at, maxBytes);
      return ask === "file" && at === path ? damaged(answer, (value) => text(value, maxBytes)) : answer;
    },
    list: (at) => (ask === "list" && at === path ? damaged(host.list(at), names) : host.list(at)),
    readLink: (at) =>
      ask === "link" && at === path ? damaged(host.readLink(at), (value) => text(value, 4096)) : host.readLink(at),
  };
}
