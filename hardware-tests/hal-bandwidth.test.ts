import t, { type Test } from "tap";
import { median } from "../bench/proc.ts";
import type { Figure } from "../hal/index.ts";
import { startTurns, type Turns } from "./bandwidth-turns.ts";
import { makeShapedLink } from "./shaped-link.ts";

/*
 * The bandwidth measurement beside iperf3, in turns, through a link of known rate between two network namespaces.
 */

const TURNS = 3;

t.setTimeout(300_000);

for (const { rate, byteCap } of [
  { rate: 50_000_000, byteCap: 25_000_000 },
  { rate: 200_000_000, byteCap: 100_000_000 },
]) {
  t.test(`at ${rate / 1e6} Mbit/s it says what iperf3 says`, async (t) => {
    const link = makeShapedLink(`bonus${rate / 1e6}`, rate);
    t.teardown(() => link.remove());
    const turns = await startTurns(link, t.testdir(), byteCap);
    t.teardown(() => turns.stop());
    const ours = { down: [] as number[], up: [] as number[] };
    const iperf = { down: [] as number[], up: [] as number[] };
    for (let turn = 0; turn < TURNS; turn++) {
      const figures = await measure(t, turns);
      for (const direction of ["down", "up"] as const) {
        const figure = figures.find(({ name }) => name === `bandwidth.${direction}`);
        ours[direction].push(figure?.value ?? 0);
        t.ok(
          Number(figure?.conditions["movedBytes"]) <= byteCap,
          "the endpoint's cap holds although ten times as much was asked for",
        );
        t.equal(figure?.conditions["doubtful"], undefined, "a quiet link is not called busy");
        iperf[direction].push((await turns.iperf(direction)).kilobitsPerSecond);
      }
      const latency = (name: string): number => figures.find((figure) => figure.name === name)?.value ?? 0;
      t.ok(latency("bandwidth.loaded-latency") > latency("bandwidth.latency"), "a full queue takes time");
    }
    for (const direction of ["down", "up"] as const) {
      const ratio = median(ours[direction]) / median(iperf[direction]);
      t.comment(`${direction}: ours ${ours[direction].join(", ")}; iperf3 ${iperf[direction].map(Math.round).join(", ")} kbit/s`);
      t.ok(ratio > 0.95 && ratio < 1.05, `${direction}: ${ratio.toFixed(3)} of iperf3`);
      t.ok(median(ours[direction]) * 1000 < rate, "payload is less than the link carries");
    }
  });
}

t.test("a wrong token is refused, and so is one session too many", async (t) => {
  const link = makeShapedLink("bonusrefuse", 200_000_000);
  t.teardown(() => link.remove());
  const turns = await startTurns(link, t.testdir(), 1_000_000, 1);
  t.teardown(() => turns.stop());
  const refused = await turns.ours("not-the-token-0123456789");
  t.match(refused.result, { kind: "failed", error: { code: "denied", message: /the token is not the endpoint's/ } });
  await turns.ours();
  const again = await turns.ours();
  t.match(again.result, { kind: "failed", error: { code: "denied", message: /had its measurements for this hour/ } });
  t.match(
    turns.events.map(({ type, why, ended }) => why ?? ended ?? type),
    ["listening", "token", "began", "complete", "often"],
  );
});

async function measure(t: Test, turns: Turns): Promise<readonly Figure[]> {
  const { result } = await turns.ours();
  if (result.kind === "found") {
    for (const { name, value, unit, slices, conditions } of result.value) {
      t.comment(`${name} ${value} ${unit} [${slices.join(", ")}] ${JSON.stringify(conditions)}`);
    }
    return result.value;
  }
  t.fail(JSON.stringify(result));
  return [];
}
