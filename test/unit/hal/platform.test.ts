/** Virtual machine or real one, container or not, which libc, whose board: each told from traces that real systems leave. */
import { test } from "tap";
import { parseCompatible, readBoardIdentity } from "../../../hal/probes/board-identity.ts";
import { parseLibc, parseOpenwrtRelease, parseShellVariables } from "../../../hal/probes/platform.ts";
import {
  type ContainerTraces,
  classifyContainer,
  classifyHypervisor,
  type HypervisorTraces,
  readIsContainer,
  readVirtualization,
} from "../../../hal/probes/virtualization.ts";
import { makeSimHost, makeTree } from "../../sim/machine-tree.ts";

const NO_TRACES: HypervisorTraces = {
  cpuFlag: undefined,
  dmi: undefined,
  acpiMaker: undefined,
  sysType: undefined,
  deviceTree: undefined,
  clockSources: undefined,
  kernelRelease: undefined,
};

test("whose hypervisor", (t) => {
  const cases: readonly (readonly [
    name: string,
    traces: Partial<HypervisorTraces>,
    isVirtual: boolean | undefined,
    hypervisor: string | undefined,
  ])[] = [
    ["a laptop", { cpuFlag: false, dmi: "LENOVO 20XW004AGE", clockSources: "tsc hpet acpi_pm" }, false, undefined],
    ["Firecracker, seen by root", { cpuFlag: true, acpiMaker: "FIRECK", clockSources: "tsc kvm-clock" }, true, "Firecracker"],
    ["Firecracker, seen by others", { cpuFlag: true, clockSources: "tsc kvm-clock" }, true, "KVM"],
    ["QEMU", { cpuFlag: true, dmi: "QEMU Standard PC (Q35 + ICH9, 2009) SeaBIOS", clockSources: "kvm-clock tsc" }, true, "QEMU"],
    ["an instance of EC2", { cpuFlag: true, dmi: "Amazon EC2 c6i.large" }, true, "Amazon EC2"],
    ["a whole machine of EC2", { cpuFlag: false, dmi: "Amazon EC2 c6i.metal" }, false, undefined],
    ["Hyper-V", { cpuFlag: true, dmi: "Microsoft Corporation Virtual Machine Hyper-V UEFI" }, true, "Hyper-V"],
    ["a tablet by the same maker", { cpuFlag: false, dmi: "Microsoft Corporation Surface Pro" }, false, undefined],
    ["WSL", { cpuFlag: true, kernelRelease: "5.15.167.4-microsoft-standard-WSL2" }, true, "Hyper-V (WSL)"],
    ["an old VirtualBox that sets no flag", { cpuFlag: false, dmi: "innotek GmbH VirtualBox 1.2" }, true, "VirtualBox"],
    ["Xen", { cpuFlag: true, sysType: "xen" }, true, "Xen"],
    ["ARM under KVM", { deviceTree: "linux,kvm" }, true, "KVM"],
    ["ARM that says nothing", {}, undefined, undefined],
    ["a flag and nothing else", { cpuFlag: true }, true, undefined],
  ];
  for (const [name, traces, isVirtual, hypervisor] of cases) {
    t.same(classifyHypervisor({ ...NO_TRACES, ...traces }), { isVirtual, hypervisor }, name);
  }
  t.end();
});

test("the ACPI table's maker, in a file that is no text", async (t) => {
  const header = `FACP\u0014\u0001\u0000\u0000\u0006\uFFFDFIRECKFCVMFADT${"\u0000".repeat(200)}BOCHS`;
  const host = makeSimHost(makeTree({ "/sys/firmware/acpi/tables/FACP": header }));
  t.same(await readVirtualization(host, true), { isVirtual: true, hypervisor: "Firecracker" });
});

test("containers", async (t) => {
  const traces: ContainerTraces = {
    hasMarker: false,
    groupPaths: ["/"],
    pidNamespace: "pid:[4026531836]",
    cgroupNamespace: "cgroup:[4026531835]",
  };
  t.equal(classifyContainer(traces), false);
  t.equal(classifyContainer({ ...traces, hasMarker: true }), false, "a machine started from a container's image");
  t.equal(classifyContainer({ ...traces, pidNamespace: "pid:[4026532177]" }), true);
  t.equal(classifyContainer({ ...traces, cgroupNamespace: "cgroup:[4026532178]" }), true, "one that shares the host's processes");
  t.equal(classifyContainer({ ...traces, groupPaths: ["/docker/0123456789ab"] }), true);
  t.equal(classifyContainer({ ...traces, groupPaths: ["/system.slice/docker-0123456789abcdef.scope"] }), true);
  t.equal(classifyContainer({ ...traces, groupPaths: ["/system.slice/docker.service"] }), false, "the engine itself");
  const nothing = { ...traces, pidNamespace: undefined, cgroupNamespace: undefined };
  t.equal(classifyContainer(nothing), undefined);
  t.equal(classifyContainer({ ...nothing, hasMarker: true }), true);
  t.equal(await readIsContainer(makeSimHost(makeTree({ "/.dockerenv": "" }))), true);
});

test("libc", (t) => {
  const line = (file: string): string => `7f00-7f01 r-xp 00000000 fe:00 1      ${file}\n`;
  t.equal(parseLibc(line("/usr/lib/x86_64-linux-gnu/libc.so.6")), "glibc");
  t.equal(parseLibc(line("/lib64/ld-linux-x86-64.so.2")), "glibc");
  t.equal(parseLibc(line("/lib/ld-musl-aarch64.so.1")), "musl");
  t.equal(
    parseLibc(line("/lib/ld-musl-armhf.so.1") + line("/lib/ld-linux-armhf.so.3")),
    "musl",
    "glibc's loader as a stub over musl",
  );
  t.equal(parseLibc(line("/usr/bin/node")), undefined);
  t.end();
});

test("shell variables and OpenWrt's release", (t) => {
  const text = "# comment\nDISTRIB_RELEASE='24.10.0'\nDISTRIB_TARGET=\"mediatek/filogic\"\nPLAIN=word\nrm -rf /\nX=`id`\n";
  t.same(parseOpenwrtRelease(text), { release: "24.10.0", target: "mediatek/filogic" });
  t.same([...parseShellVariables(text).keys()], ["DISTRIB_RELEASE", "DISTRIB_TARGET", "PLAIN", "X"]);
  t.end();
});

test("names of a board", async (t) => {
  const identity = (nodes: Record<string, string>) => readBoardIdentity(makeSimHost(makeTree(nodes)));
  const dmi = (vendor: string, product: string, chassis: string) =>
    identity({
      "/sys/class/dmi/id/sys_vendor": vendor,
      "/sys/class/dmi/id/product_name": product,
      "/sys/class/dmi/id/chassis_type": chassis,
    });
  t.match(await dmi("PC Engines\n", "apu2\n", "3\n"), {
    kind: "found",
    value: { dmiVendor: "PC Engines", dmiProduct: "apu2", chassisType: 3, boardName: "pc-engines-apu2", compatible: [] },
  });
  t.match(await dmi("To Be Filled By O.E.M.\n", "Default string\n", "2\n"), { kind: "absent" }, "placeholders are no names");
  t.match(await dmi("System manufacturer\n", "....\n", "35\n"), {
    value: { dmiVendor: undefined, dmiProduct: undefined, chassisType: 35 },
  });
  t.match(
    await identity({
      "/proc/device-tree/compatible": "friendlyarm,nanopi-r4s\0rockchip,rk3399\0",
      "/proc/device-tree/model": "FriendlyElec NanoPi R4S\0",
    }),
    {
      value: {
        compatible: ["friendlyarm,nanopi-r4s", "rockchip,rk3399"],
        boardName: "friendlyarm,nanopi-r4s",
        model: "FriendlyElec NanoPi R4S",
      },
    },
  );
  t.same(parseCompatible(""), []);
  t.equal(parseCompatible("x\0".repeat(1000)).length, 32);
});
