/*
 * Loaded before a program (`node --import=...`), it makes the machine's wall clock a wrong one: CLOCK_OFFSET_MS is added from the start, and
 * at each SIGUSR2 the next of CLOCK_JUMPS_MS (with commas between them) on top, which is announced as an event. The monotonic clock goes
 * on, as the kernel's does when somebody sets the time.
 */
const RealDate = Date;
let offsetMs = Number(process.env["CLOCK_OFFSET_MS"] ?? "0");
const jumps = (process.env["CLOCK_JUMPS_MS"] ?? "").split(",").filter((text) => text !== "");

globalThis.Date = new Proxy(RealDate, {
  construct: (target, args, newTarget) => Reflect.construct(target, args.length === 0 ? [shiftedNow()] : args, newTarget),
  apply: () => new RealDate(shiftedNow()).toString(),
  get: (target, name) => (name === "now" ? shiftedNow : Reflect.get(target, name)),
});

function shiftedNow(): number {
  return RealDate.now() + offsetMs;
}

process.on("SIGUSR2", () => {
  offsetMs += Number(jumps.shift() ?? "0");
  process.stdout.write(`${JSON.stringify({ type: "clock", now: new Date().toISOString() })}\n`);
});

export {};
