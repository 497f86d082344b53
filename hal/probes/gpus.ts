/**
 * Graphics processors: PCI devices of the display class (/sys/bus/pci/devices; class codes of the PCI Code and ID Assignment
 * Specification, base class 03h; AMD's large ones are of class 12h, processing accelerators) and the render nodes of the kernel's
 * graphics drivers (/sys/class/drm, https://docs.kernel.org/gpu/drm-uapi.html). Presence only: whether one computes, and how fast,
 * has to be measured.
 */
import type { Host } from "../host.ts";
import { MAX_DEVICES } from "../limits.ts";
import { absent, found, known, type ProbeResult } from "../probe-result.ts";
import { readNvidia } from "./nvidia.ts";
import { cleanText, linkName, parseCount, readAttribute } from "./text.ts";

/** One display device. */
export interface GpuFacts {
  readonly bus: "pci" | "platform";
  /** The maker's name where it is known, else its PCI id. */
  readonly vendor: string | undefined;
  /** PCI device id, `0x` and four digits. */
  readonly device: string | undefined;
  /** The kernel driver that holds it; undefined: none does, so nothing can use it. */
  readonly driver: string | undefined;
  readonly hasRenderNode: boolean;
  /**
   * `display-only`: draws a picture for a remote console and computes nothing. `virtual`: simulated by a hypervisor. `reserved`: real,
   * but held back for a virtual machine, so nothing here can use it.
   */
  readonly kind: "hardware" | "display-only" | "virtual" | "reserved";
  /** The name that its driver gives it; only NVIDIA's does. */
  readonly model?: string | undefined;
  /** Version of a driver that is not part of the kernel. */
  readonly driverVersion?: string | undefined;
  /**
   * Memory of its own (amdgpu's mem_info_vram_total; on one that shares the machine's memory, the part set aside). Undefined for
   * others: NVIDIA's tell it in no file, and the window into it that PCI shows may be larger or smaller.
   */
  readonly memoryBytes?: number | undefined;
}

type Maker = readonly [name: string, kind: GpuFacts["kind"]];

/** Makers of display devices by PCI vendor id (https://pci-ids.ucw.cz). */
const MAKERS: Readonly<Record<string, Maker>> = {
  "0x10de": ["NVIDIA", "hardware"],
  "0x1002": ["AMD", "hardware"],
  "0x8086": ["Intel", "hardware"],
  "0x1ed5": ["Moore Threads", "hardware"],
  "0x1a03": ["ASPEED", "display-only"],
  "0x102b": ["Matrox", "display-only"],
  "0x18ca": ["XGI", "display-only"],
  "0x19e5": ["Huawei", "display-only"],
  "0x1013": ["Cirrus Logic", "virtual"],
  "0x1234": ["QEMU", "virtual"],
  "0x1af4": ["virtio", "virtual"],
  "0x1b36": ["Red Hat QXL", "virtual"],
  "0x15ad": ["VMware", "virtual"],
  "0x80ee": ["VirtualBox", "virtual"],
  "0x1414": ["Microsoft Hyper-V", "virtual"],
  "0x5853": ["Xen", "virtual"],
};

/** Drivers that only keep a device away from others. */
const RESERVING_DRIVERS: ReadonlySet<string> = new Set(["vfio-pci", "pci-stub", "xen-pciback", "nvgrace_gpu_vfio_pci"]);

/** Drivers of render nodes behind which there is no graphics processor. */
const SOFTWARE_DRIVERS: ReadonlySet<string> = new Set(["vgem", "vkms", "simpledrm", "simple-framebuffer", "faux_driver"]);

/** Reads the display devices. `absent` where both buses were looked at and hold none. */
export async function readGpus(host: Host): Promise<ProbeResult<readonly GpuFacts[]>> {
  const pci = await host.list("/sys/bus/pci/devices");
  if (pci.kind === "failed") return pci;
  const drm = await host.list("/sys/class/drm");
  if (drm.kind === "failed") return drm;
  const addresses = known(pci) ?? [];
  const rendered = await readRenderNodes(host, known(drm) ?? []);
  const gpus: GpuFacts[] = [];
  for (const address of addresses) {
    const gpu = await readPciGpu(host, address, rendered.has(address));
    if (gpu !== undefined) gpus.push(gpu);
  }
  for (const [device, { driver, bus }] of rendered) {
    if (bus !== "platform" || addresses.includes(device) || SOFTWARE_DRIVERS.has(driver ?? "")) continue;
    gpus.push({ bus, vendor: undefined, device: undefined, driver, hasRenderNode: true, kind: "hardware" });
  }
  return gpus.length === 0 ? absent("no display device on PCI and no render node") : found(gpus.slice(0, MAX_DEVICES));
}

/** The maker's name and what its display devices are good for. */
export function classifyPciGpu(vendorId: string): { readonly name: string | undefined; readonly kind: GpuFacts["kind"] } {
  const maker = MAKERS[vendorId.toLowerCase()];
  return { name: maker?.[0], kind: maker?.[1] ?? "hardware" };
}

async function readPciGpu(host: Host, address: string, hasRenderNode: boolean): Promise<GpuFacts | undefined> {
  const directory = `/sys/bus/pci/devices/${address}`;
  const pciClass = (await readAttribute(host, `${directory}/class`)) ?? "";
  if (!/^0x(03|12)[0-9a-f]{4}$/i.test(pciClass)) return undefined;
  const vendorId = pciId(await readAttribute(host, `${directory}/vendor`));
  if (pciClass.startsWith("0x12") && vendorId !== "0x1002") return undefined;
  const { name, kind } = classifyPciGpu(vendorId ?? "");
  const driver = cleanText(await linkName(host, `${directory}/driver`));
  return {
    bus: "pci",
    vendor: name ?? vendorId,
    device: pciId(await readAttribute(host, `${directory}/device`)),
    driver,
    hasRenderNode,
    kind: RESERVING_DRIVERS.has(driver ?? "") ? "reserved" : kind,
    memoryBytes: parseCount(await readAttribute(host, `${directory}/mem_info_vram_total`)),
    ...(driver === "nvidia" ? await readNvidia(host, address) : {}),
  };
}

/** The devices that have a render node, by the last part of their path: the address of a PCI device, the name of another. */
async function readRenderNodes(host: Host, names: readonly string[]) {
  const rendered = new Map<string, { driver: string | undefined; bus: string | undefined }>();
  for (const name of names.filter((entry) => /^renderD\d+$/.test(entry)).slice(0, MAX_DEVICES)) {
    const directory = `/sys/class/drm/${name}/device`;
    const device = await linkName(host, directory);
    if (device === undefined) continue;
    const driver = cleanText(await linkName(host, `${directory}/driver`));
    rendered.set(device, { driver, bus: await linkName(host, `${directory}/subsystem`) });
  }
  return rendered;
}

function pciId(text: string | undefined): string | undefined {
  return text !== undefined && /^0x[0-9a-f]{4}$/i.test(text) ? text.toLowerCase() : undefined;
}
