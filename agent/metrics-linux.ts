import type { AddressInfo } from "node:net";
import type { Counters } from "./counters.ts";
import type { StateSummary } from "./state-store.ts";

/** What there is to monitor, as of now. */
export interface MetricsSnapshot {
  readonly counters: Counters;
  readonly summary: StateSummary;
}

/** The metrics door while it is open. */
export interface MetricsServer {
  readonly url: string;
  close(): Promise<void>;
}

type Reading = readonly [name: string, type: "counter" | "gauge", help: string, value: (snapshot: MetricsSnapshot) => number];

const READINGS: readonly Reading[] = [
  ["bonusnode_connections_total", "counter", "Connections to the broker that stood.", ({ counters }) => counters.connections],
  [
    "bonusnode_assignments_accepted_total",
    "counter",
    "Assignments and challenges accepted.",
    ({ counters }) => counters.accepted,
  ],
  ["bonusnode_assignments_refused_total", "counter", "Assignments and challenges refused.", ({ counters }) => counters.refused],
  ["bonusnode_proofs_signed_total", "counter", "Proofs signed.", ({ counters }) => counters.proofs],
  ["bonusnode_proofs_accepted_total", "counter", "Proofs that a bookkeeper accepted.", ({ counters }) => counters.proofsAccepted],
  ["bonusnode_proofs_refused_total", "counter", "Proofs that a bookkeeper refused.", ({ counters }) => counters.proofsRefused],
  ["bonusnode_tasks_open", "gauge", "Tasks that wait or run.", ({ summary }) => summary.openTasks],
  ["bonusnode_outbox_proofs", "gauge", "Proofs that wait for a receipt.", ({ summary }) => summary.waitingProofs],
  ["bonusnode_blobs", "gauge", "Blobs kept.", ({ summary }) => summary.blobs],
  ["bonusnode_blob_bytes", "gauge", "Bytes of blobs kept.", ({ summary }) => summary.blobBytes],
  [
    "bonusnode_contribution_points",
    "gauge",
    "Contribution as the bookkeeper last signed it.",
    ({ summary }) => Number(summary.contribution ?? 0n) / 1e6,
  ],
];

/**
 * Serves the agent's metrics in the Prometheus text format at `/metrics`, on loopback only. Rejects when the port is taken. The
 * libraries are loaded only here: a box that serves no metrics does not carry them.
 */
export async function startMetrics(port: number, snapshot: () => MetricsSnapshot): Promise<MetricsServer> {
  const [{ Registry, Gauge, Counter, collectDefaultMetrics }, { Hono }, { serve }] = await Promise.all([
    import("prom-client"),
    import("hono"),
    import("@hono/node-server"),
  ]);
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  for (const [name, type, help, value] of READINGS) {
    if (type === "gauge") {
      new Gauge({
        name,
        help,
        registers: [registry],
        collect() {
          this.set(value(snapshot()));
        },
      });
    } else {
      new Counter({
        name,
        help,
        registers: [registry],
        collect() {
          this.reset();
          this.inc(value(snapshot()));
        },
      });
    }
  }
  const app = new Hono();
  app.get("/metrics", async (context) => context.text(await registry.metrics(), 200, { "content-type": registry.contentType }));
  return new Promise((resolve, reject) => {
    const server = serve({ fetch: app.fetch, hostname: "127.0.0.1", port }, (info: AddressInfo) => {
      resolve({ url: `http://127.0.0.1:${info.port}/metrics`, close });
    });
    const close = (): Promise<void> =>
      new Promise((done) => {
        registry.clear();
        server.close(() => done());
        // Whoever reads slowly does not keep the agent from ending.
        if ("closeAllConnections" in server) server.closeAllConnections();
      });
    server.once("error", reject);
  });
}
