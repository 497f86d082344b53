const BINARY_UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;

/** A number of bytes as people read it: `896 MiB`, `23.5 GiB`. Rounded down, so that it never looks as if it reached a threshold. */
export function formatBytes(bytes: number): string {
  let power = 0;
  while (power < BINARY_UNITS.length - 1 && bytes >= 1024 ** (power + 1)) power += 1;
  const amount = bytes / 1024 ** power;
  const shown = amount < 100 && power > 0 ? Math.floor(amount * 10) / 10 : Math.floor(amount);
  return `${shown} ${BINARY_UNITS[power]}`;
}

/** Thousandths of a core as people read them: `0.5 cores`, `1 core`, `2 cores`. Rounded down to hundredths. */
export function formatMilliCpus(milliCpus: number): string {
  const cores = Math.floor(milliCpus / 10) / 100;
  return `${cores} ${cores === 1 ? "core" : "cores"}`;
}
