/** What the agent counted since it started. Monitoring reads it; nothing else depends on it. */
export function makeCounters() {
  return { connections: 0, accepted: 0, refused: 0, proofs: 0, proofsAccepted: 0, proofsRefused: 0 };
}

export type Counters = ReturnType<typeof makeCounters>;
