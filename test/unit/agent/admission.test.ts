/**
 * Admission is a pure function: each reason for which a node refuses is brought about by one change to a view that has nothing against
 * the work. The reasons are counted against the protocol's list, so that none is dead and none is untested.
 */
import { test } from "tap";
import { type Admission, type AdmissionView, admit } from "../../../agent/admission.ts";
import type { Command } from "../../../agent/command.ts";
import { MAX_OPEN_TASKS, MAX_OUTBOX } from "../../../agent/limits.ts";
import { makeComputeService } from "../../../agent/services/compute/index.ts";
import { makeTargetPolicy } from "../../../agent/services/measure/address-policy.ts";
import { makeMeasureService } from "../../../agent/services/measure/index.ts";
import type { Service } from "../../../agent/services/service.ts";
import { makeStoreService } from "../../../agent/services/store/index.ts";
import { sha256 } from "../../../base/index.ts";
import {
  type Assignment,
  assignmentMessage,
  REFUSAL_REASONS,
  type RefusalReason,
  seal,
  type WireObject,
} from "../../../protocol/index.ts";
import type { Sandbox } from "../../../sandbox/index.ts";
import {
  BOOKKEEPER_KEY,
  IDLE_NODE,
  ISSUED_AT,
  makeAssignment,
  makeCommand,
  makeTask,
  makeView,
  openSample,
  sealAssignment,
} from "../../sim/agent-samples.ts";
import { makeTestKey, NETWORK, NO_LIMITS } from "../../sim/agent-world.ts";
import { makeFakeService } from "../../sim/fake-service.ts";
import { makeSteppingClock } from "../../sim/stepping-clock.ts";

const HELD = sha256(Buffer.from("held"));
const MIB = 2 ** 20;

/** The real services over parts that are never reached: admission only looks. */
function makeServices(): readonly Service<unknown>[] {
  const unreachable = (): never => {
    throw new Error("admission only looks");
  };
  const index = {
    get: (hash: Uint8Array) => (Buffer.compare(hash, HELD) === 0 ? { size: 100, countedTo: 0 } : undefined),
    put: unreachable,
    remove: unreachable,
    hashes: unreachable,
    counts: unreachable,
  };
  const files = { write: unreachable, read: unreachable, readWhole: unreachable, remove: unreachable, sweep: unreachable };
  const blobs = { ...files, freeBytes: unreachable };
  const networkSeconds = () => ISSUED_AT;
  const targetPolicy = () => makeTargetPolicy({ allowPrivateTargets: false, onLink: [] });
  const sandbox: Sandbox = {
    isolation: { level: "process", mechanism: "child process" },
    capabilities: [],
    engine: "v8",
    run: unreachable,
  };
  const readNetwork = () => ({ onLink: [], resolvers: [], prefersIpv6: false });
  const ping = { kind: "absent", why: "ping is not installed" } as const;
  const services = [
    makeStoreService({ files: blobs, index, fetch: unreachable, targetPolicy, networkSeconds, cpuMicros: unreachable }),
    makeComputeService({ sandbox, files: blobs, index, networkSeconds, cpuShare: () => 1 }),
    makeMeasureService({ ping, readNetwork, runJob: unreachable }, { allowPrivateTargets: false, version: "1" }),
    makeFakeService({ clock: makeSteppingClock() }).service,
  ];
  return services.map((service) => service as Service<unknown>);
}

const SERVICES = makeServices();
const view = (change: Partial<AdmissionView> = {}): AdmissionView =>
  makeView(SERVICES, { limits: { ...NO_LIMITS, kinds: ["measure", "store", "compute", "fake" as "store"] }, ...change });
const of = (kind: string, spec: WireObject, more: Partial<Assignment> = {}): Command => makeCommand({ kind, spec, ...more });

const put = (change: WireObject = {}): Command =>
  of("store", { op: "put", blob: sha256(Buffer.from("new")), size: 3n, inline: Buffer.from("new"), ...change });
const measure = (target: string, method = "tcp"): Command =>
  of("measure", { method, targets: [target], count: 1, timeoutMs: 1000 });
const compute = (change: WireObject = {}, limits: WireObject = {}): Command =>
  of("compute", {
    module: HELD,
    args: [],
    seed: new Uint8Array(32),
    epochSeconds: 0,
    limits: { wallMs: 1000, cpuMs: 1000, memoryBytes: MIB, outputBytes: 1024, ...limits },
    isolation: "process",
    ...change,
  });

const quietHours = { fromMinute: 22 * 60, toMinute: 7 * 60, text: "22:00-07:00" };
const known = makeCommand();
const elsewhere = makeTestKey("somebody else");

/** For each reason: a command and a view that bring it about. Opening a message gives its reasons before admission is asked. */
const CAUSES: readonly (readonly [reason: RefusalReason, cause: () => Admission | { reason: RefusalReason; detail: string }])[] =
  [
    ["malformed", () => failed(new Uint8Array([1, 2, 3]))],
    ["bad-signature", () => failed(sealAssignment().with(-1, (sealAssignment().at(-1) ?? 0) ^ 1))],
    ["untrusted-bookkeeper", () => failed(sealAssignment({}, elsewhere))],
    ["wrong-node", () => failed(sealAssignment({ node: elsewhere.publicKey }))],
    ["not-canonical", () => failed(notCanonical())],
    ["clock-unknown", () => admit(known, view({ networkSeconds: undefined }))],
    ["expired", () => admit(known, view({ networkSeconds: ISSUED_AT + 601 }))],
    ["replayed", () => admit(known, view({ known: makeTask(known, { state: "settled" }) }))],
    ["conflicting", () => admit(makeCommand({ maxAttempts: 4 }), view({ known: makeTask(known) }))],
    ["kind-unknown", () => admit(of("dream", {}), view())],
    ["kind-not-allowed", () => admit(put(), view({ limits: { ...NO_LIMITS, kinds: ["measure"] } }))],
    ["tier-too-low", () => admit(of("fake", {}, { minTier: "Super" }), view({ tier: "Normal" }))],
    ["quiet-hours", () => admit(known, view({ limits: { ...view().limits, quiet_hours: quietHours }, minuteOfDay: 30 }))],
    ["stopping", () => admit(known, view({ closedFor: "stopping" }))],
    ["outbox-full", () => admit(known, view({ waitingProofs: MAX_OUTBOX }))],
    ["busy", () => admit(known, view({ openTasks: MAX_OPEN_TASKS }))],
    ["over-daily-bytes", () => admit(known, view({ node: { ...IDLE_NODE, freeTrafficBytes: 0 } }))],
    ["bad-spec", () => admit(put({ op: "burn" }), view())],
    ["blob-unknown", () => admit(compute({ module: sha256(Buffer.from("?")) }), view())],
    ["isolation-too-weak", () => admit(compute({ isolation: "namespaces" }), view())],
    ["over-memory-limit", () => admit(compute(), view({ node: { ...IDLE_NODE, freeMemoryBytes: 64 * MIB } }))],
    ["over-disk-limit", () => admit(put(), view({ node: { ...IDLE_NODE, freeDiskBytes: 2 } }))],
    ["target-forbidden", () => admit(measure("192.168.1.1:80"), view())],
    ["capability-missing", () => admit(measure("example.com", "ping"), view())],
  ];

function failed(bytes: Uint8Array): { reason: RefusalReason; detail: string } {
  const opened = openSample(bytes);
  if (opened.ok) throw new Error("it was believed");
  return opened.error;
}

/** An assignment that says how many entries its map has in two bytes, where one is enough; truly signed. */
function notCanonical(): Uint8Array {
  const [head = 0, ...rest] = assignmentMessage.encode(makeAssignment());
  return seal(Uint8Array.from([0xb8, head - 0xa0, ...rest]), NETWORK, "assignment", BOOKKEEPER_KEY);
}

test("a node that has nothing against it takes the work", (t) => {
  for (const command of [known, put(), measure("example.com:80"), compute(), of("store", { op: "delete", blob: HELD })]) {
    t.same(admit(command, view()), { kind: "accept" }, command.kind);
  }
  t.end();
});

test("every reason of the protocol is given, for its own cause, with a word for people", (t) => {
  for (const [reason, cause] of CAUSES) {
    const said = cause();
    t.match(said, { reason, detail: /\w{2,}/ }, reason);
  }
  t.strictSame(new Set(CAUSES.map(([reason]) => reason)), new Set(REFUSAL_REASONS), "no reason is dead, none is untested");
  t.end();
});

test("what is on disk speaks first, then time, then permission, then room, then the service", (t) => {
  const limits = { ...NO_LIMITS, kinds: [], quiet_hours: quietHours };
  const worst = { networkSeconds: ISSUED_AT + 1_000_000, limits, closedFor: "stopping", openTasks: 1_000 } as const;
  const steps: readonly (readonly [Partial<AdmissionView>, RefusalReason])[] = [
    [{ ...worst, known: makeTask(known, { state: "settled" }) }, "replayed"],
    [worst, "expired"],
    [{ ...worst, networkSeconds: ISSUED_AT }, "kind-not-allowed"],
    [{ ...worst, networkSeconds: ISSUED_AT, limits: { ...limits, kinds: ["fake" as "store"] } }, "quiet-hours"],
    [{ ...worst, networkSeconds: ISSUED_AT, limits: view().limits }, "stopping"],
    [{ networkSeconds: ISSUED_AT, openTasks: 1_000 }, "busy"],
  ];
  for (const [change, reason] of steps) t.match(admit(known, view(change)), { kind: "refuse", reason }, reason);
  t.end();
});

test("the same bytes again are answered from the journal until they are settled, whatever the time and the limits", (t) => {
  const limits = { ...NO_LIMITS, kinds: [] };
  const late: Partial<AdmissionView> = { networkSeconds: ISSUED_AT + 1_000_000, limits, closedFor: "stopping" };
  for (const state of ["accepted", "running", "finished", "proved"] as const) {
    const task = makeTask(known, { state });
    t.same(admit(known, view({ ...late, known: task })), { kind: "repeated", task }, state);
  }
  const other = makeCommand({ expiresAt: ISSUED_AT + 601 });
  for (const state of ["accepted", "settled"] as const) {
    t.match(admit(other, view({ known: makeTask(known, { state }) })), { reason: "conflicting" }, state);
  }
  t.end();
});

test("an assignment is taken up to the very second of its expiry", (t) => {
  t.match(admit(known, view({ networkSeconds: ISSUED_AT + 600 })), { kind: "accept" });
  t.match(admit(known, view({ networkSeconds: ISSUED_AT + 601 })), { reason: "expired", detail: /1 s ago/ });
  t.match(admit(known, view({ networkSeconds: 0 })), { kind: "accept" });
  t.end();
});

test("a full journal keeps work out like a full outbox", (t) => {
  t.match(admit(known, view({ closedFor: "no-room" })), { reason: "outbox-full", detail: /disk/ });
  t.match(admit(known, view({ waitingProofs: MAX_OUTBOX - 1, openTasks: MAX_OPEN_TASKS - 1 })), { kind: "accept" });
  t.end();
});

test("each tier takes what asks for it or less", (t) => {
  const taken = (tier: "Lite" | "Normal" | "Super") =>
    (["Lite", "Normal", "Super"] as const).filter(
      (minTier) => admit(of("fake", {}, { minTier }), view({ tier })).kind === "accept",
    );
  t.same([taken("Lite"), taken("Normal"), taken("Super")], [["Lite"], ["Lite", "Normal"], ["Lite", "Normal", "Super"]]);
  t.end();
});

test("what a blob may take is held against disk and traffic, and a blob that is held needs no more room", (t) => {
  const node = { ...IDLE_NODE, freeDiskBytes: 99, freeTrafficBytes: 99 };
  const url = { inline: undefined, url: "http://example.com/blob" };
  t.match(admit(put({ ...url, size: 100n }), view({ node })), { reason: "over-disk-limit" });
  t.match(admit(put({ ...url, size: 99n }), view({ node })), { kind: "accept" });
  t.match(admit(put({ ...url, blob: HELD, size: 100n }), view({ node })), { reason: "over-daily-bytes" });
  t.match(admit(put({ ...url, size: 2n ** 40n }), view()), { reason: "over-disk-limit" });
  t.match(admit(put({ url: "http://example.com/blob" }), view()), { reason: "bad-spec" }, "both inline and from a URL");
  t.match(admit(put({ inline: undefined }), view()), { reason: "bad-spec" }, "neither");
  t.match(admit(put({ size: 4n }), view()), { reason: "bad-spec" }, "of another size");
  t.end();
});

test("blobs are not fetched from the owner's networks, nor by other means than the web", (t) => {
  const from = (url: string) => admit(put({ inline: undefined, url }), view());
  const forbidden = ["http://127.0.0.1/", "http://[::1]:80/", "http://10.1.2.3/", "http://localhost/", "http://printer.lan/"];
  for (const url of [...forbidden, "ftp://example.com/", "file:///etc/passwd", "http://a:b@example.com/", "http://", "x"]) {
    t.match(from(url), { reason: "target-forbidden" }, url);
  }
  for (const url of ["http://2130706433/", "http://0x7f.1/", "http://[::ffff:10.0.0.1]/", "http://example.com:25/"]) {
    t.match(from(url), { reason: "target-forbidden" }, url);
  }
  t.match(from("https://example.com./a?b"), { kind: "accept" });
  t.end();
});

test("a range has to lie within the blob, and an output that may be kept has to fit on the disk", (t) => {
  const get = (offset: bigint, length: number) => admit(of("store", { op: "get", blob: HELD, offset, length }), view());
  t.match(get(90n, 10), { kind: "accept" });
  t.match(get(91n, 10), { reason: "bad-spec" });
  t.match(get(2n ** 62n, 10), { reason: "bad-spec" });
  const node = { ...IDLE_NODE, freeDiskBytes: 1000 };
  t.match(admit(compute({}, { outputBytes: 2 ** 20 }), view({ node })), { reason: "over-disk-limit" });
  t.match(admit(compute({}, { outputBytes: 32 * 1024 }), view({ node })), { kind: "accept" }, "it goes into the proof");
  t.end();
});
