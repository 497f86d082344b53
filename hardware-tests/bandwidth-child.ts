import { makeSystemClock, makeSystemRandom } from "../base/index.ts";
import { makeBandwidthBenchmark, makeBandwidthTransfer, makeLinuxHost } from "../hal/index.ts";

/*
 * Measures once against an endpoint, from the network namespace that it was started in, and prints the answer and what it took of the CPU:
 * `bandwidth-child.ts HOST PORT TOKEN BYTES MILLISECONDS`.
 */

const [host = "", port = "", token = "", byteCap = "", timeMs = ""] = process.argv.slice(2);
const needs = { clock: makeSystemClock(), random: makeSystemRandom() };
const measure = makeBandwidthBenchmark({ ...needs, transfer: makeBandwidthTransfer(needs), host: makeLinuxHost() });
const before = process.cpuUsage();
const result = await measure(
  {
    endpoint: { host, port: Number(port) },
    token,
    byteCap: Number(byteCap),
    timeMs: Number(timeMs),
    streams: 4,
    allowMetered: true,
  },
  {},
);
const { user, system } = process.cpuUsage(before);
process.stdout.write(JSON.stringify({ result, cpuSeconds: (user + system) / 1e6 }));
