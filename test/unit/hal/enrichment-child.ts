/**
 * A module in place of `systeminformation`; the query of its address says how it behaves: `pc`, `garbage`, `flood`, `throw`, `empty`,
 * `without` a function, or `hang`, where a helper program writes its process id into the file that the query names.
 */
import { execFileSync } from "node:child_process";

const query = new URL(import.meta.url).searchParams;
const behaviour = query.get("as") ?? "pc";

const ANSWERS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  pc: {
    memLayout: [
      { size: 2 ** 34, type: "DDR4", clockSpeed: 3200, formFactor: "DIMM", serialNum: "SECRET1", manufacturer: "Samsung" },
      { size: 0, type: "Empty", clockSpeed: 0, formFactor: "DIMM", serialNum: "" },
      { size: 2 ** 33, type: "Unknown", clockSpeed: null, formFactor: "<OUT OF SPEC>", serialNum: "SECRET2" },
    ],
    graphics: {
      controllers: [
        { vendor: "NVIDIA", model: "GeForce RTX 4090", vram: 24564, memoryTotal: 24564, uuid: "SECRET3" },
        { vendor: "Intel", model: "UHD 770\u0007\n", vram: 256 },
        { vendor: "", model: "" },
      ],
      displays: [{ serial: "SECRET4" }],
    },
    diskLayout: [
      { device: "/dev/sda", name: "Samsung SSD 870", interfaceType: "SATA", serialNum: "SECRET5", smartData: { a: "SECRET6" } },
      { device: "/dev/nvme0n1", name: "", interfaceType: "PCIe" },
    ],
  },
  garbage: { memLayout: "no list", graphics: { controllers: [17] }, diskLayout: [{ device: "/etc/../x\u0000", name: {} }] },
  empty: {
    memLayout: [{ size: 2 ** 34, type: "", clockSpeed: 0, formFactor: "" }],
    graphics: { controllers: [] },
    diskLayout: [],
  },
  flood: {
    memLayout: Array.from({ length: 5000 }, () => ({ size: 1, type: "\u0001".repeat(100_000), clockSpeed: 1, formFactor: "x" })),
    graphics: { controllers: Array.from({ length: 5000 }, () => ({ model: "\u{1F600}".repeat(1000), memoryTotal: 1e308 })) },
    diskLayout: Array.from({ length: 5000 }, () => ({ device: "/dev/sda", name: "y".repeat(1_000_000) })),
  },
};

async function answer(name: string): Promise<unknown> {
  if (behaviour === "throw") throw new Error(`${name} broke\nhere`);
  if (behaviour === "hang") execFileSync("/bin/sh", ["-c", 'echo $$ >> "$0"; exec sleep 1000', query.get("file") ?? "/dev/null"]);
  return ANSWERS[behaviour]?.[name];
}

/** What the package offers of what is used. */
export const memLayout = (): Promise<unknown> => answer("memLayout");
export const graphics = (): Promise<unknown> => answer("graphics");
export const diskLayout = behaviour === "without" ? undefined : (): Promise<unknown> => answer("diskLayout");
