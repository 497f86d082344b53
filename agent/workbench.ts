import { assert, BaseError, type Clock, type Log, messageOf, toHex } from "../base/index.ts";
import { NO_USAGE } from "../protocol/index.ts";
import type { Boot } from "./claims.ts";
import { type Command, commandOf } from "./command.ts";
import type { AgentEvent } from "./events.ts";
import { encodeOutcome, type TaskOutcome } from "./proof/outcome.ts";
import type { Demand, Service, ServiceOutcome } from "./services/service.ts";
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

const NO_DEMAND: Demand = { memoryBytes: 0, diskBytes: 0 };

/** How long the workbench waits before it tries again to write to a full disk, in milliseconds. */
const FULL_DISK_WAIT_MS = 2_000;

/** Runs accepted tasks, some of each kind at once, journaling each step before and after. */
export function makeWorkbench(needs: WorkbenchNeeds, options: WorkbenchOptions) {
  const { state } = needs;
  const queue: TaskRow[] = [];
  const running = new Map<string, { task: TaskRow; kind: string; done: Promise<void> }>();
  const aborting = new AbortController();
  let isStopping = false;
  let isDiskFull = false;

  const uptimeMs = (): number => Math.round(needs.clock.monotonicMs() - needs.boot().startedMs);

  /** Makes a change durable, waiting for room as long as the disk is full. False when the agent stops first. */
  const durably = async (change: () => void): Promise<boolean> => {
    for (;;) {
      try {
        state.transaction(change);
        isDiskFull = false;
        return true;
      } catch (thrown) {
        if (!(thrown instanceof BaseError) || thrown.code !== "database-full") throw thrown;
        if (!isDiskFull) needs.emit({ type: "trouble", what: `${thrown.message}; no work is taken until there is room` });
        isDiskFull = true;
        if (aborting.signal.aborted) return false;
        await needs.clock.sleep(FULL_DISK_WAIT_MS, aborting.signal).catch(() => undefined);
      }
    }
  };

  const schedule = (): void => {
    if (isStopping) return;
    for (const task of [...queue]) {
      const { kind } = commandOf(task);
      const limit = options.concurrency[kind] ?? 1;
      if ([...running.values()].filter((other) => other.kind === kind).length >= limit) continue;
      queue.splice(queue.indexOf(task), 1);
      const name = toHex(task.id);
      const done = run(task).catch((thrown) => {
        needs.log.error(
          { assignment: name, error: messageOf(thrown) },
          "a task could not be journaled; it is tried again at the next start",
        );
        needs.emit({ type: "trouble", what: messageOf(thrown) });
      });
      running.set(name, { task, kind, done: done.finally(() => running.delete(name)).then(schedule) });
    }
  };

  const run = async (task: TaskRow): Promise<void> => {
    const command = commandOf(task);
    const service = needs.services.get(command.kind);
    const spec = service?.parse(command.spec);
    assert(service !== undefined && spec?.ok === true, "a task was accepted that no service can read");
    if (!(await durably(() => state.tasks.begin(task.id)))) return;
    const attempt = task.attempts + 1;
    const assignment = toHex(task.id);
    needs.emit({ type: "began", assignment, kind: command.kind, attempt });
    const { count: bootCount } = needs.boot();
    const fromMs = uptimeMs();
    const outcome = await execute(service, spec.value, assignment);
    // Work that the agent itself broke off is begun again at the next start, as after a crash.
    if (aborting.signal.aborted && outcome.kind === "failed" && outcome.reason === "aborted") return;
    await finish(task, command, outcome, { bootCount, fromMs, toMs: uptimeMs() });
  };

  const execute = async (service: Service<unknown>, spec: unknown, taskId: string): Promise<ServiceOutcome> => {
    const progress = (text: string): void => needs.emit({ type: "progress", assignment: taskId, text });
    try {
      return await service.execute(spec, { signal: aborting.signal, progress, taskId });
    } catch (thrown) {
      needs.log.error({ assignment: taskId, error: messageOf(thrown) }, "a service threw; this is a bug");
      return { kind: "failed", reason: "internal", detail: messageOf(thrown), evidence: {}, usage: NO_USAGE };
    }
  };

  const finish = async (
    task: TaskRow,
    command: Command,
    outcome: ServiceOutcome,
    interval: TaskOutcome["interval"],
  ): Promise<void> => {
    const failed = outcome.kind === "failed" ? { reason: outcome.reason, detail: printable(outcome.detail) } : {};
    const { evidence, usage } = outcome;
    const bytes = encodeOutcome({ result: outcome.kind, ...failed, evidence, usage, interval });
    const isWritten = await durably(() => {
      outcome.commit?.();
      state.tasks.finish(task.id, bytes);
      state.traffic.add(Math.floor(needs.clock.wallMs() / 86_400_000), usage.upBytes + usage.downBytes);
    });
    if (!isWritten) return;
    needs.emit({ type: "finished", assignment: toHex(task.id), kind: command.kind, result: outcome.kind, ...failed, usage });
    needs.onFinished();
  };

  const demandOf = (task: TaskRow): Demand => {
    const command = commandOf(task);
    const service = needs.services.get(command.kind);
    const spec = service?.parse(command.spec);
    return spec?.ok === true && service !== undefined ? service.demand(spec.value) : NO_DEMAND;
  };

  return {
    /** What waiting and running tasks may hold together. */
    demand: (): Demand => {
      const open = [...queue, ...[...running.values()].map((entry) => entry.task)].map(demandOf);
      return {
        memoryBytes: open.reduce((sum, each) => sum + each.memoryBytes, 0),
        diskBytes: open.reduce((sum, each) => sum + each.diskBytes, 0),
      };
    },
    /** Tasks that wait or run. */
    get openCount() {
      return queue.length + running.size;
    },
    get isDiskFull() {
      return isDiskFull;
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
        else interrupt(state, task, needs.boot().count);
      }
      schedule();
    },
    /** Takes no more; lets running work end for `drainMs`, then breaks it off. What is broken off stays journaled as running. */
    stop: async (drainMs: number): Promise<void> => {
      isStopping = true;
      const all = Promise.all([...running.values()].map((task) => task.done));
      const drained = new AbortController();
      await Promise.race([all, needs.clock.sleep(drainMs, drained.signal).catch(() => undefined)]);
      drained.abort();
      aborting.abort();
      await Promise.all([...running.values()].map((task) => task.done));
    },
  };
}

function mayRunAgain(task: TaskRow, services: ReadonlyMap<string, Service<unknown>>): boolean {
  const command = commandOf(task);
  const service = services.get(command.kind);
  const spec = service?.parse(command.spec);
  return spec?.ok === true && service?.recover(spec.value) === "again" && task.attempts < command.maxAttempts;
}

/** Ends a task that was running when an earlier run died and must not run again. */
function interrupt(state: AgentState, task: TaskRow, bootCount: number): void {
  const outcome = encodeOutcome({
    result: "failed",
    reason: "interrupted",
    detail: `the agent ended while it ran, ${task.attempts} of its attempts being used`,
    evidence: {},
    usage: NO_USAGE,
    interval: { bootCount, fromMs: 0, toMs: 0 },
  });
  state.transaction(() => state.tasks.finish(task.id, outcome));
}

/** Text fit for a claim: no control characters, and never empty. */
function printable(text: string): string {
  const clean = text
    .replace(/\p{Cc}+/gu, " ")
    .trim()
    .slice(0, 200);
  return clean === "" ? "no detail" : clean;
}
