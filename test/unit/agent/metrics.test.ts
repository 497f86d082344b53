/**
 * The metrics as Prometheus reads them: over HTTP, in its text format, with names by its conventions, and to this device alone.
 */
import { createServer } from "node:http";
import { connect } from "node:net";
import { test } from "tap";
import { makeCounters } from "../../../agent/counters.ts";
import { startMetrics } from "../../../agent/metrics-linux.ts";
import type { StateSummary } from "../../../agent/state-store.ts";

const SUMMARY: StateSummary = { openTasks: 2, waitingProofs: 3, acceptedProofs: 5, refusedProofs: 1, blobs: 4, blobBytes: 8_192 };

/** The samples of our own by name, and what the page says of each name's type. */
function read(page: string): { values: Map<string, number>; types: Map<string, string> } {
  const lines = page.split("\n");
  const samples = lines.flatMap((line) => /^(bonusnode_\w+) (\S+)$/.exec(line)?.slice(1) ?? []);
  const types = lines.flatMap((line) => /^# TYPE (bonusnode_\w+) (\w+)$/.exec(line)?.slice(1) ?? []);
  const pairs = (flat: readonly string[]): [string, string][] =>
    flat.flatMap((name, index) => (index % 2 === 0 ? [[name, flat[index + 1] ?? ""] as [string, string]] : []));
  return { values: new Map(pairs(samples).map(([name, value]) => [name, Number(value)])), types: new Map(pairs(types)) };
}

test("each figure is there, as of now, named and typed by the conventions", async (t) => {
  const counters = makeCounters();
  let summary = SUMMARY;
  const server = await startMetrics(0, () => ({ counters, summary }));
  t.teardown(() => server.close());
  const first = await fetch(server.url);
  t.match(first.headers.get("content-type"), /^text\/plain; version=0\.0\.4/);
  const page = await first.text();
  t.match(read(page).values, new Map([["bonusnode_tasks_open", 2]]));
  t.match(page, /^process_resident_memory_bytes \d+/m, "the process's own are there too");
  counters.accepted += 7;
  summary = { ...SUMMARY, blobBytes: 16_384, contribution: 1_500_000n };
  const { values, types } = read(await (await fetch(server.url)).text());
  t.equal(values.get("bonusnode_assignments_accepted_total"), 7);
  t.equal(values.get("bonusnode_blob_bytes"), 16_384);
  t.equal(values.get("bonusnode_contribution_points"), 1.5);
  t.equal(values.get("bonusnode_outbox_proofs"), 3);
  t.strictSame([...types.keys()].sort(), [...values.keys()].sort());
  for (const [name, type] of types) t.equal(name.endsWith("_total"), type === "counter", `${name} is a ${type}`);
  t.equal((await fetch(new URL("/", server.url))).status, 404);
});

test("to this device alone", async (t) => {
  const server = await startMetrics(0, () => ({ counters: makeCounters(), summary: SUMMARY }));
  t.teardown(() => server.close());
  const { port, hostname } = new URL(server.url);
  t.equal(hostname, "127.0.0.1");
  const error = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => {
    const socket = connect(Number(port), "127.0.0.2", () => resolve(undefined));
    socket.on("error", resolve);
  });
  t.equal(error?.code, "ECONNREFUSED", "not even another address of loopback");
});

test("a port that is taken is told of; a slow reader keeps nobody from ending", async (t) => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  const address = other.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  await t.rejects(
    startMetrics(port, () => ({ counters: makeCounters(), summary: SUMMARY })),
    { code: "EADDRINUSE" },
  );
  await new Promise((resolve) => other.close(resolve));
  const server = await startMetrics(0, () => ({ counters: makeCounters(), summary: SUMMARY }));
  const socket = connect(Number(new URL(server.url).port), "127.0.0.1");
  await new Promise((resolve) => socket.on("connect", resolve));
  socket.write("GET /metrics HTTP/1.1\r\nHost: localhost\r\n");
  const closed = new Promise((resolve) => socket.on("close", resolve));
  socket.on("error", () => undefined);
  await server.close();
  await closed;
  t.pass("both ended");
});
