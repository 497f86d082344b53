import { BaseError, type Clock, type Log, messageOf, sha256, toHex } from "../base/index.ts";
import {
  type Ed25519,
  type KeyLookup,
  type RefusalReason,
  refusalMessage,
  type SigningKey,
  type Tier,
} from "../protocol/index.ts";
import { type AdmissionView, admit, JOURNAL_DISK_FULL } from "./admission.ts";
import type { NodeClaims } from "./claims.ts";
import { type Command, openCommand } from "./command.ts";
import type { OwnerLimits } from "./config.ts";
import type { Counters } from "./counters.ts";
import type { AgentEvent } from "./events.ts";
import { MAX_BLIND_REFUSALS_PER_MINUTE, TASK_MEMORY_SECONDS } from "./limits.ts";
import type { NetworkTime } from "./network-time.ts";
import { printable } from "./printable.ts";
import type { Outbox } from "./proof/outbox.ts";
import type { MachineView } from "./resources.ts";
import type { Service } from "./services/service.ts";
import type { AgentState } from "./state-store.ts";
import type { Workbench } from "./workbench.ts";

/** What the desk needs. */
export interface DeskNeeds {
  readonly state: AgentState;
  readonly key: SigningKey;
  readonly ed25519: Ed25519;
  readonly clock: Clock;
  readonly time: NetworkTime;
  readonly network: string;
  /** The keys of the bookkeepers that the owner trusts. */
  readonly keyFor: KeyLookup;
  readonly services: ReadonlyMap<string, Service<unknown>>;
  readonly claims: () => NodeClaims;
  readonly workbench: Workbench;
  readonly outbox: Outbox;
  /** Looks at the machine, to answer what of it is free for new work. */
  readonly readNode: () => Promise<MachineView>;
  /** Minutes since local midnight at a second since 1970. */
  readonly minuteOfDay: (seconds: number) => number;
  /** What the owner lends, and the tier, as of now. */
  readonly terms: () => { readonly limits: OwnerLimits; readonly tier: Tier };
  readonly isStopping: () => boolean;
  readonly counters: Counters;
  readonly log: Log;
  readonly emit: (event: AgentEvent) => void;
  /** Sends a refusal; it is not kept, because whoever asked will ask again. */
  readonly publishRefusal: (envelope: Uint8Array) => void;
}

/** Takes commands in: opens them, decides, journals what it accepts before anything of it happens, and signs a refusal of the rest. */
export function makeCommandDesk(needs: DeskNeeds): { onCommand(payload: Uint8Array): Promise<void> } {
  const { state, key, time, emit, counters, workbench, outbox, log } = needs;
  let blind = { minute: 0, count: 0 };

  /** Whoever floods the topic with what nobody trusted has signed gets an answer now and then. */
  const mayRefuseBlindly = (): boolean => {
    const minute = Math.floor(needs.clock.monotonicMs() / 60_000);
    if (blind.minute !== minute) blind = { minute, count: 0 };
    blind.count += 1;
    return blind.count <= MAX_BLIND_REFUSALS_PER_MINUTE;
  };

  const refuse = (payload: Uint8Array, assignment: Uint8Array | undefined, reason: RefusalReason, detail: string): void => {
    counters.refused += 1;
    const plain = printable(detail);
    emit({ type: "refused", assignment: assignment === undefined ? undefined : toHex(assignment), reason, detail: plain });
    const body = { ...needs.claims(), refused: sha256(payload), assignment, reason, detail: plain };
    needs.publishRefusal(refusalMessage.seal(body, needs.network, key));
  };

  const view = (command: Command, machine: MachineView): AdmissionView => ({
    ...needs.terms(),
    services: needs.services,
    node: machine(needs.terms().limits, workbench.demand(command.kind)),
    networkSeconds: time.secondsOf(command.bookkeeper),
    minuteOfDay: needs.minuteOfDay(time.now().seconds),
    known: state.tasks.get(command.id),
    openTasks: state.tasks.openCount(),
    waitingProofs: outbox.waiting(),
    closedFor: needs.isStopping() ? "stopping" : workbench.isDiskFull ? "no-room" : undefined,
  });

  const take = (command: Command, payload: Uint8Array): void => {
    const { id, bookkeeper, role, digest, expiresAt } = command;
    try {
      state.transaction(() => {
        state.tasks.forgetExpiredBefore(bookkeeper, (time.secondsOf(bookkeeper) ?? 0) - TASK_MEMORY_SECONDS);
        state.tasks.insert({ id, bookkeeper, role, digest, payload: command.payload, expiresAt });
      });
    } catch (thrown) {
      // Where and how the journal is kept is nobody's business but the owner's.
      log.error({ assignment: toHex(id), error: messageOf(thrown) }, "an assignment could not be journaled");
      const isFull = thrown instanceof BaseError && thrown.code === "database-full";
      return refuse(payload, id, "outbox-full", isFull ? JOURNAL_DISK_FULL : "the journal cannot be written");
    }
    counters.accepted += 1;
    emit({ type: "accepted", assignment: toHex(id), kind: command.kind, what: inWords(command) });
    const task = state.tasks.get(id);
    if (task !== undefined) workbench.add(task);
  };

  return {
    onCommand: async (payload) => {
      const opened = openCommand(payload, { ...needs, node: key.publicKey });
      if (!opened.ok) {
        const { reason, detail, isAuthentic } = opened.error;
        if (isAuthentic || mayRefuseBlindly()) refuse(payload, undefined, reason, detail);
        return;
      }
      const command = opened.value;
      const machine = await needs.readNode();
      // From here to the journal nothing else runs: two copies of one command cannot both be accepted, nor two be promised the same room.
      const decision = admit(command, view(command, machine));
      if (decision.kind === "refuse") refuse(payload, command.id, decision.reason, decision.detail);
      else if (decision.kind === "repeated") outbox.wake();
      else take(command, payload);
    },
  };
}

/** A command in a few words, for people. */
function inWords({ spec, kind }: Command): string {
  const blob = spec["module"] ?? spec["blob"];
  const parts = [
    kind === "compute" ? "run" : spec["op"],
    spec["method"],
    blob instanceof Uint8Array ? toHex(blob.subarray(0, 4)) : undefined,
    ...[spec["targets"], spec["args"]].flatMap((list) => (Array.isArray(list) ? list : [])),
  ];
  return printable(parts.filter((part) => typeof part === "string").join(" "));
}
