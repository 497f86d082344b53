/** Memory, swap areas and compressed memory devices. */
import { test } from "tap";
import { found } from "../../../hal/index.ts";
import { parseMeminfo, parseSwaps, readMemory } from "../../../hal/probes/memory.ts";
import { makeSimHost, makeTree, type Node } from "../../sim/machine-tree.ts";

const NO_LIMITS = found({ quotaMilliCpus: undefined, memoryLimitBytes: undefined, cpus: undefined });
const MEMINFO =
  "MemTotal:        1000 kB\nMemFree:          100 kB\nMemAvailable:     500 kB\nSwapTotal:       3000 kB\nSwapFree:        2000 kB\n";
const SWAPS =
  "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n/dev/zram0                              partition\t1000\t\t10\t\t100\n/dev/sda2 partition 1500 0 -2\n/swap\\040file\\040(deleted) file 500 1 -3\n";

function read(nodes: Readonly<Record<string, Node>>) {
  return readMemory(makeSimHost(makeTree(nodes)), NO_LIMITS);
}

test("swap and compressed memory", async (t) => {
  const memory = await read({
    "/proc/meminfo": MEMINFO,
    "/proc/swaps": SWAPS,
    "/sys/block/sda/size": "1\n",
    "/sys/block/zram0/disksize": "1024000\n",
    "/sys/block/zram0/mm_stat": "  409600   102400   122880        0   204800       12        0        0        0\n",
    "/sys/block/zram1/disksize": "0\n",
  });
  t.same(memory, {
    kind: "found",
    value: {
      totalBytes: 1_024_000,
      availableBytes: 512_000,
      cgroupLimitBytes: undefined,
      usableBytes: 1_024_000,
      swapTotalBytes: 3_072_000,
      swapFreeBytes: 2_048_000,
      swaps: [
        { kind: "zram", sizeBytes: 1_024_000, usedBytes: 10_240 },
        { kind: "partition", sizeBytes: 1_536_000, usedBytes: 0 },
        { kind: "file", sizeBytes: 512_000, usedBytes: 1024 },
      ],
      zram: { totalBytes: 1_024_000, usedMemoryBytes: 122_880 },
    },
  });
});

test("a machine without swap, and a kernel without statistics of compressed memory", async (t) => {
  const none = await read({
    "/proc/meminfo": MEMINFO.replace("3000", "0").replace("2000", "0"),
    "/proc/swaps": SWAPS.split("\n")[0] ?? "",
  });
  t.match(none, { value: { swapTotalBytes: 0, swapFreeBytes: 0, swaps: [], zram: undefined } });
  const old = await read({ "/proc/meminfo": "MemTotal: 1000 kB\n", "/sys/block/zram0/disksize": "4096\n" });
  t.match(old, {
    value: {
      availableBytes: undefined,
      swapTotalBytes: undefined,
      swaps: undefined,
      zram: { totalBytes: 4096, usedMemoryBytes: undefined },
    },
  });
});

test("amounts that are none", (t) => {
  const nothing = { totalBytes: undefined, availableBytes: undefined, swapTotalBytes: undefined, swapFreeBytes: undefined };
  for (const text of ["", "MemTotal: 0 kB", "MemTotal: -1 kB", "MemTotal: 1 MB", "XMemTotal: 1 kB", "MemTotal:\n1 kB"]) {
    t.same(parseMeminfo(text), nothing, text);
  }
  t.same(parseSwaps("/dev/sda1 partition x 0 -1\n/dev/sda1 disk 1 0 -1\n/dev/sda1 partition 1\n"), []);
  t.equal(parseSwaps("/dev/sda1 partition 1 0 -1\n".repeat(100)).length, 32);
  t.end();
});
