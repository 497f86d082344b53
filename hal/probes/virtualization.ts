/**
 * Whether this machine is simulated by a hypervisor. The CPU's own flag decides where there is one; DMI, ACPI, the device tree and
 * the clock then say whose hypervisor it is.
 */
import type { Host } from "../host.ts";
import { MAX_ATTRIBUTE_BYTES } from "../limits.ts";
import { known } from "../probe-result.ts";
import { cleanText, readAttribute } from "./text.ts";

/** Traces that hypervisors leave; undefined where the file is not there or may not be read. */
export interface HypervisorTraces {
  /** The x86 CPU flag. */
  readonly cpuFlag: boolean | undefined;
  /** Vendor, product and firmware of DMI, in one line. */
  readonly dmi: string | undefined;
  /** The maker's name in the header of the ACPI table FACP; only root may read it. */
  readonly acpiMaker: string | undefined;
  /** /sys/hypervisor/type. */
  readonly sysType: string | undefined;
  /** Compatible string of the device tree's hypervisor node. */
  readonly deviceTree: string | undefined;
  readonly clockSources: string | undefined;
  readonly kernelRelease: string | undefined;
}

/** `hypervisor` is undefined where it is unknown, or there is none. */
export interface Virtualization {
  readonly isVirtual: boolean | undefined;
  readonly hypervisor: string | undefined;
}

/** Boards that exist only inside a hypervisor. */
const SIMULATED_BOARDS: readonly (readonly [RegExp, string])[] = [
  [/firecracker/i, "Firecracker"],
  [/cloud hypervisor/i, "Cloud Hypervisor"],
  [/VMware/, "VMware"],
  [/VirtualBox|innotek/, "VirtualBox"],
  [/Microsoft Corporation.*Virtual Machine/, "Hyper-V"],
  [/Parallels/, "Parallels"],
  [/BHYVE/i, "bhyve"],
  [/Apple Virtualization/, "Apple Virtualization"],
];

/** Names that clouds also give to their real machines, and Xen to the machine that it runs on. */
const CLOUD_BOARDS: readonly (readonly [RegExp, string])[] = [
  [/\bXen\b/, "Xen"],
  [/Google Compute Engine/, "KVM (Google Compute Engine)"],
  [/Amazon EC2/, "Amazon EC2"],
  [/OpenStack|oVirt|RHEV|KubeVirt|DigitalOcean|Hetzner|Alibaba Cloud|\bKVM\b/, "KVM"],
  [/QEMU|Bochs/, "QEMU"],
];

/** Tells a virtual machine from a real one, and whose it is. Pure. */
export function classifyHypervisor(traces: HypervisorTraces): Virtualization {
  const nameIn = (boards: typeof SIMULATED_BOARDS): string | undefined =>
    boards.find(([pattern]) => pattern.test(traces.dmi ?? ""))?.[1];
  const simulated = nameIn(SIMULATED_BOARDS);
  if (simulated !== undefined) return { isVirtual: true, hypervisor: simulated };
  if (traces.cpuFlag === false) return { isVirtual: false, hypervisor: undefined };
  const name = nameIn(CLOUD_BOARDS) ?? nameByFirmware(traces) ?? nameByKernel(traces);
  return { isVirtual: traces.cpuFlag ?? (name === undefined ? undefined : true), hypervisor: name };
}

function nameByFirmware({ acpiMaker, deviceTree, sysType }: HypervisorTraces): string | undefined {
  if (/^FIRECK/.test(acpiMaker ?? "")) return "Firecracker";
  if (/^CLOUDH/.test(acpiMaker ?? "")) return "Cloud Hypervisor";
  if (/^BOCHS/.test(acpiMaker ?? "")) return "QEMU";
  if (/xen/.test(`${deviceTree} ${sysType}`)) return "Xen";
  if (/linux,kvm/.test(deviceTree ?? "")) return "KVM";
  return undefined;
}

function nameByKernel({ clockSources, kernelRelease }: HypervisorTraces): string | undefined {
  if (/microsoft/i.test(kernelRelease ?? "")) return "Hyper-V (WSL)";
  if (/hyperv_clocksource/.test(clockSources ?? "")) return "Hyper-V";
  if (/\bkvm-clock\b/.test(clockSources ?? "")) return "KVM";
  return undefined;
}

/** Reads the traces and tells. `cpuFlag` comes from the CPU's probe. Attributes that are not there count as not telling. */
export async function readVirtualization(host: Host, cpuFlag: boolean | undefined): Promise<Virtualization> {
  const dmi = ["sys_vendor", "product_name", "product_version", "bios_vendor"];
  const words = await Promise.all(dmi.map((name) => readAttribute(host, `/sys/class/dmi/id/${name}`)));
  const acpi = known(await host.readText("/sys/firmware/acpi/tables/FACP", MAX_ATTRIBUTE_BYTES));
  return classifyHypervisor({
    cpuFlag,
    dmi: cleanText(words.filter((word) => word !== undefined).join(" ")),
    // ACPI specification 5.2.6: the maker's six letters follow ten bytes of signature, length, revision and checksum.
    acpiMaker: /^FACP.{1,6}?(FIRECK|CLOUDH|BOCHS)/su.exec(acpi?.slice(0, 32) ?? "")?.[1],
    sysType: await readAttribute(host, "/sys/hypervisor/type"),
    deviceTree: await readAttribute(host, "/proc/device-tree/hypervisor/compatible"),
    clockSources: await readAttribute(host, "/sys/devices/system/clocksource/clocksource0/available_clocksource"),
    kernelRelease: await readAttribute(host, "/proc/sys/kernel/osrelease"),
  });
}
