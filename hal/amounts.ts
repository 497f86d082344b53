/** Thousandths of a core as people read them: `0.5 cores`, `1 core`, `2 cores`. Rounded down to hundredths. */
export function formatMilliCpus(milliCpus: number): string {
  const cores = Math.floor(milliCpus / 10) / 100;
  return `${cores} ${cores === 1 ? "core" : "cores"}`;
}
