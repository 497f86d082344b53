import type { AgentEvent } from "../../agent/index.ts";
import type { Clock } from "../../base/index.ts";
import type { BookkeeperEvent } from "../../bookkeeper/index.ts";
import { type MachineProbe, type ProbeProgress, summariseMachine } from "../../hal/index.ts";
import { formatPoints, jsonSafe } from "../points.ts";
import type { Terminal } from "../terminal.ts";
import { formatDurationMs } from "../units.ts";

/** What `bonusnode up` tells while it runs. */
export type UpEvent =
  | {
      readonly type: "broker";
      readonly url: string;
      readonly network: string;
      readonly stateDirectory: string;
      readonly continues: boolean;
    }
  | { readonly type: "machine"; readonly probe: MachineProbe }
  | { readonly type: "probing"; readonly progress: ProbeProgress }
  | { readonly type: "agent"; readonly event: AgentEvent }
  | { readonly type: "bookkeeper"; readonly event: BookkeeperEvent }
  | { readonly type: "summary"; readonly proofs: ProofCounts; readonly contribution: bigint; readonly ranMs: number };

/** Accepted proofs by kind. */
export interface ProofCounts {
  readonly measure: number;
  readonly store: number;
  readonly compute: number;
}

/** Shows events, to a person or to a program. */
export type UpView = (event: UpEvent) => void;

/** Time between two lines about the account, in milliseconds. */
const ACCOUNT_LINE_MS = 5_000;

/** One JSON object a line, for programs: what happened, and where. */
export function makeJsonView(terminal: Pick<Terminal, "print">): UpView {
  const say = (value: unknown): void => terminal.print(JSON.stringify(jsonSafe(value)));
  return (event) => {
    switch (event.type) {
      case "probing":
        return;
      case "machine":
        return say({ type: "machine", ...summariseMachine(event.probe) });
      case "agent":
      case "bookkeeper":
        return say({ source: event.type, ...event.event });
      default:
        return say(event);
    }
  };
}

/** Lines that a person can follow, with a status line below them on a terminal. */
export function makePersonView(terminal: Terminal, clock: Clock): UpView {
  const startedMs = clock.monotonicMs();
  const seen = { tier: "", proofs: { measure: 0, store: 0, compute: 0 } as Record<string, number>, total: 0n, accountAtMs: 0 };
  const status = (): void => {
    const { measure = 0, store = 0, compute = 0 } = seen.proofs;
    const proofs = `${measure} measure, ${store} store, ${compute} compute`;
    const ran = formatDurationMs(clock.monotonicMs() - startedMs);
    // Within the 80 columns of a plain terminal.
    terminal.progress(`${ran}  ${seen.tier}  ${proofs}  ${formatPoints(seen.total)} points  Ctrl-C ends`);
  };
  const line = (who: string, text: string): void => {
    terminal.print(`${terminal.style("quiet", who.padEnd(10))} ${text}`);
    status();
  };
  return (event) => {
    switch (event.type) {
      case "broker":
        terminal.print(terminal.style("title", "BonusNode: a broker, a bookkeeper and an agent on this machine"));
        line("broker", `${event.url}, network ${event.network}; any MQTT client may listen (mosquitto_sub -t 'bn/1/#')`);
        return line("state", `${event.stateDirectory}${event.continues ? ", going on where it ended" : ", new"}`);
      case "probing":
        return terminal.progress(`probing this machine: ${event.progress.phase} ${Math.round(event.progress.fraction * 100)} %`);
      case "machine":
        seen.tier = event.probe.decision.tier ?? "unsupported";
        return showMachine(event.probe, terminal, line);
      case "agent":
        return showAgent(event.event, terminal, line);
      case "bookkeeper":
        if (event.event.type === "verified" && event.event.outcome === "done") {
          seen.proofs[event.event.kind] = (seen.proofs[event.event.kind] ?? 0) + 1;
        }
        if (event.event.type === "account") {
          // The account moves with every proof; a line for it now and then is enough.
          seen.total = event.event.total;
          if (clock.monotonicMs() - seen.accountAtMs < ACCOUNT_LINE_MS) return status();
          seen.accountAtMs = clock.monotonicMs();
        }
        showBookkeeper(event.event, terminal, line);
        return status();
      case "summary":
        terminal.progress(undefined);
        return terminal.print(
          `${terminal.style("title", "Ended")} after ${formatDurationMs(event.ranMs)}: ${event.proofs.measure} measure, ` +
            `${event.proofs.store} store and ${event.proofs.compute} compute proofs accepted; ` +
            `the account stands at ${formatPoints(event.contribution)} points`,
        );
    }
  };
}

type Line = (who: string, text: string) => void;

function showMachine(probe: MachineProbe, terminal: Terminal, line: Line): void {
  const machine = summariseMachine(probe);
  line("machine", `board ${machine.board ?? "unknown"}, tier ${terminal.style("good", machine.tier ?? "unsupported")}`);
  for (const reason of machine.reasons) line("", reason);
}

function showAgent(event: AgentEvent, terminal: Terminal, line: Line): void {
  switch (event.type) {
    case "started":
      return line("agent", `${event.node}, start ${event.bootCount}`);
    case "measured":
      return line("machine", `measured anew: tier ${terminal.style("good", event.tier ?? "unsupported")}`);
    case "registered":
      return line("agent", `registered with ${short(event.bookkeeper)}; its chain is ${event.chain}`);
    case "accepted":
      return line("agent", `took ${event.kind} ${short(event.assignment)}: ${event.what}`);
    case "refused":
      return line(
        "agent",
        `${terminal.style("warning", "refused")} ${short(event.assignment ?? "a message")}: ${event.reason}, ${event.detail}`,
      );
    case "finished":
      if (event.result === "done") return;
      return line("agent", `${terminal.style("warning", "failed")} ${event.kind} ${short(event.assignment)}: ${event.reason}`);
    case "trouble":
      return line("agent", terminal.style("bad", event.what));
    case "offline":
      return line("agent", `offline: ${event.why}`);
  }
}

function showBookkeeper(event: BookkeeperEvent, terminal: Terminal, line: Line): void {
  switch (event.type) {
    case "verified": {
      const verdict =
        event.outcome === "done" ? terminal.style("good", "verified") : terminal.style("warning", `failed (${event.reason})`);
      const credit = event.credited > 0n ? `+${formatPoints(event.credited)} points` : "no credit";
      return line(
        "bookkeeper",
        `${verdict} ${event.kind} ${short(event.assignment)}, proof ${event.bootCount}.${event.seq}: ${credit}`,
      );
    }
    case "proof-refused":
      return line(
        "bookkeeper",
        `${terminal.style("bad", "refused")} proof of ${short(event.assignment)}: ${event.reason}, ${event.detail}`,
      );
    case "rechecked":
      return line("bookkeeper", `repeated ${short(event.assignment)}: ${event.detail}`);
    case "equivocation":
      return line(
        "bookkeeper",
        terminal.style("bad", `${short(event.node)} signed two proofs for ${event.bootCount}.${event.seq}`),
      );
    case "standing":
      return line(
        "bookkeeper",
        `takes ${short(event.node)} for ${event.tier}, which claims ${event.claimed}: ${terminal.style("warning", event.detail)}`,
      );
    case "disbelieved":
      return line("bookkeeper", terminal.style("warning", `disbelieved a message: ${event.reason}, ${event.detail}`));
    case "account":
      return line(
        "account",
        `${formatPoints(event.total)} points (online ${formatPoints(event.online)}, work ${formatPoints(event.work)}, bonus ${formatPoints(event.bonus)})`,
      );
    case "trouble":
      return line("bookkeeper", terminal.style("bad", event.what));
  }
}

/** The beginning of an id: enough to find it again among a screenful. */
function short(id: string): string {
  return id.length > 14 ? id.slice(0, 12) : id;
}
