import { assert, type Clock, type Log, messageOf, toHex } from "../base/index.ts";
import { NO_USAGE } from "../protocol/index.ts";
import type { Boot } from "./claims.ts";
import { type Command, commandOf } from "./command.ts";
import type { AgentEvent } from "./events.ts";
import { makeJournalWriter } from "./journal-writer.ts";
import { ABORT_MS } from "./limits.ts";
import { printable } from "./printable.ts";
import { encodeOutcome, failedInstead, flawOf, type TaskOutcome } from "./proof/outcome.ts";
import { type Demand, NO_DEMAND, type Service, type ServiceOutcome } from "./services/service.ts";
import type { AgentState, TaskRow } from "./state-store.ts";

/** What the workbench needs. */
export interface WorkbenchNeeds {
  readonly state: AgentState;
  readonly clock: Clock;
  readonly log: Log;
  readonly services: ReadonlyMap<string, Service<unknown>>;
  readonly boot: () => Boot;
  readonly emit: (event: AgentEvent) => void;
  /** A task's outcome is journaled: its proof can be signed. */
  readonly onFinished: () => void;
}

/** How many tasks of a kind run at once; kinds not named run one at a time. */
export interface WorkbenchOptions {
  readonly concurrency: Readonly<Record<string, number>>;
}

export type Workbench = ReturnType<typeof makeWorkbench>;

type Interval = TaskOutcome["interval"];

/** Runs accepted tasks, some of each kind at once, journaling each step before and after. */
export function makeWorkbench(needs: WorkbenchNeeds, options: WorkbenchOptions) {
  const { state, clock } = needs;
  const queue: TaskRow[] = [];
  const running = new Map<string, { task: TaskRow; kind: string; done: Promise<void> }>();
  const aborting = new AbortController();
  const journal = makeJournalWriter(needs, aborting.signal);
  let isStopping = false;

  const uptimeMs = (): number => Math.round(clock.monotonicMs() - needs.boot().startedMs);
  const limitOf = (kind: string): number => options.concurrency[kind] ?? 1;

  const schedule = (): void => {
    if (isStopping) return;
    for (const task of [...queue]) {
      const { kind } = commandOf(task);
      if ([...running.values()].filter((other) => other.kind === kind).length >= limitOf(kind)) continue;
      queue.splice(queue.indexOf(task), 1);
      begin(task, kind, run);
    }
  };

  const begin = (task: TaskRow, kind: string, work: (task: TaskRow) => Promise<void>): void => {
    const name = toHex(task.id);
    const done = work(task).catch((thrown) => {
      const error = messageOf(thrown);
      needs.log.error({ assignment: name, error }, "a task could not be journaled; it is tried again at the next start");
      needs.emit({ type: "trouble", what: error });
    });
    running.set(name, { task, kind, done: done.finally(() => running.delete(name)).then(schedule) });
  };

  const run = async (task: TaskRow): Promise<void> => {
    const command = commandOf(task);
    if (!(await journal.write(() => state.tasks.begin(task.id)))) return;
    needs.emit({ type: "began", assignment: toHex(task.id), kind: command.kind, attempt: task.attempts + 1 });
    const { count: bootCount } = needs.boot();
    const fromMs = uptimeMs();
    const outcome = await execute(command, toHex(task.id));
    // Work that the agent itself broke off is begun again at the next start, as after a crash.
    if (aborting.signal.aborted && outcome.kind === "failed" && outcome.reason === "aborted") return;
    await finish(task, command, outcome, { bootCount, fromMs, toMs: uptimeMs() });
  };

  const execute = async (command: Command, taskId: string): Promise<ServiceOutcome> => {
    const progress = (text: string): void => needs.emit({ type: "progress", assignment: taskId, text });
    try {
      const service = needs.services.get(command.kind);
      const spec = service?.parse(command.spec);
      assert(service !== undefined && spec?.ok === true, "a task was accepted that this version cannot do");
      return await service.execute(spec.value, { signal: aborting.signal, progress, taskId });
    } catch (thrown) {
      needs.log.error({ assignment: taskId, error: messageOf(thrown) }, "a service threw; this is a bug");
      return { kind: "failed", reason: "internal", detail: messageOf(thrown), evidence: {}, usage: NO_USAGE };
    }
  };

  const finish = async (task: TaskRow, command: Command, from: ServiceOutcome, interval: Interval): Promise<void> => {
    const { outcome, commit } = journalable(from, interval);
    const bytes = encodeOutcome(outcome);
    const { result, reason, usage } = outcome;
    const isWritten = await journal.write(() => {
      commit?.();
      state.tasks.finish(task.id, bytes);
      state.traffic.add(Math.floor(clock.wallMs() / 86_400_000), usage.upBytes + usage.downBytes);
    });
    if (!isWritten) return;
    const why = reason === undefined ? {} : { reason };
    needs.emit({ type: "finished", assignment: toHex(task.id), kind: command.kind, result, ...why, usage });
    needs.onFinished();
  };

  /** Ends a task that was running when an earlier run died and must not run again. */
  const interrupt = (task: TaskRow): Promise<void> => {
    const detail = `the agent ended while it ran, ${task.attempts} of its attempts being used`;
    const outcome: ServiceOutcome = { kind: "failed", reason: "interrupted", detail, evidence: {}, usage: NO_USAGE };
    return finish(task, commandOf(task), outcome, { bootCount: needs.boot().count, fromMs: 0, toMs: 0 });
  };

  const demandOf = (task: TaskRow): Demand & { readonly kind: string } => {
    const { kind, spec } = commandOf(task);
    const service = needs.services.get(kind);
    const parsed = service?.parse(spec);
    return { kind, ...(parsed?.ok === true && service !== undefined ? service.demand(parsed.value) : NO_DEMAND) };
  };

  const allEndedWithin = async (durationMs: number): Promise<void> => {
    const over = new AbortController();
    const all = Promise.all([...running.values()].map((entry) => entry.done));
    await Promise.race([all, clock.sleep(durationMs, over.signal).catch(() => undefined)]);
    over.abort();
  };

  return {
    /**
     * What open tasks may hold while one more of this kind runs. Disk and traffic: of all of them, because what they take stays taken.
     * Memory: of the largest that can run beside it, as many of each kind as run at once.
     */
    demand: (kind: string): Demand => {
      const open = [...queue, ...[...running.values()].map((entry) => entry.task)].map(demandOf);
      const sum = (of: readonly number[]): number => of.reduce((total, each) => total + each, 0);
      const besides = [...new Set(open.map((task) => task.kind))].map((other) => {
        const sizes = open.filter((task) => task.kind === other).map((task) => task.memoryBytes);
        return sum(sizes.toSorted((left, right) => right - left).slice(0, limitOf(other) - (other === kind ? 1 : 0)));
      });
      return {
        memoryBytes: sum(besides),
        diskBytes: sum(open.map((task) => task.diskBytes)),
        trafficBytes: sum(open.map((task) => task.trafficBytes ?? 0)),
      };
    },
    /** The journal could not be written when it was last tried. */
    get isDiskFull() {
      return journal.isFull;
    },
    /** Takes up a task that the journal holds as accepted. */
    add: (task: TaskRow): void => {
      queue.push(task);
      schedule();
    },
    /** Takes up what an earlier run left: begins again what is safe to, and ends the rest as interrupted. */
    recover: (): void => {
      for (const task of state.tasks.open()) {
        if (task.state === "finished") continue;
        if (task.state === "accepted" || mayRunAgain(task, needs.services)) queue.push(task);
        else begin(task, "interrupted", interrupt);
      }
      schedule();
    },
    /**
     * Takes no more; lets running work end for `drainMs`, then breaks it off. What is broken off stays journaled as running. Work that does
     * not leave when it is told to is not waited for.
     */
    stop: async (drainMs: number): Promise<void> => {
      isStopping = true;
      await allEndedWithin(drainMs);
      aborting.abort();
      await allEndedWithin(ABORT_MS);
      journal.close();
    },
  };
}

/** What is journaled of a service's outcome. One that cannot be proved is a failure in its place, and changes nothing. */
function journalable(from: ServiceOutcome, interval: Interval): { outcome: TaskOutcome; commit?: () => void } {
  const { kind, evidence, usage, commit } = from;
  const failed = from.kind === "failed" ? { reason: from.reason, detail: printable(from.detail) } : {};
  const outcome: TaskOutcome = { result: kind, ...failed, evidence, usage, interval };
  const flaw = flawOf(outcome);
  if (flaw !== undefined) return { outcome: failedInstead(outcome, printable(flaw)) };
  return commit === undefined ? { outcome } : { outcome, commit };
}

function mayRunAgain(task: TaskRow, services: ReadonlyMap<string, Service<unknown>>): boolean {
  const command = commandOf(task);
  const service = services.get(command.kind);
  const spec = service?.parse(command.spec);
  return spec?.ok === true && service?.recover(spec.value) === "again" && task.attempts < command.maxAttempts;
}
