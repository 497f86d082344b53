import type { Job } from "./job.ts";
import { METHODS } from "./methods.ts";
import type { Session, SessionNeeds } from "./session.ts";

/** Measures the targets one after the other, so that they do not disturb each other, and says each result when it is there. */
export async function runJob(job: Job, needs: SessionNeeds, maxBodyBytes: number): Promise<void> {
  const traffic = { upBytes: 0, downBytes: 0 };
  const deadline = needs.microsNow() + job.budgetMs * 1000;
  const session: Session = {
    job,
    needs,
    count: (more) => {
      traffic.upBytes += more.upBytes;
      traffic.downBytes += more.downBytes;
    },
    bodyBytesLeft: maxBodyBytes,
    hasTimeFor: (durationMs) => needs.microsNow() + durationMs * 1000 <= deadline,
  };
  for (const target of job.targets) {
    const result = await METHODS[job.method](target, session);
    needs.say({ kind: "result", result, traffic: { ...traffic } });
  }
  needs.say({ kind: "end", traffic });
}
