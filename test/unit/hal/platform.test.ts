/** Virtual machine or real one, container or not, which libc, whose board: each told from traces that real systems leave. */
import { test } from "tap";
import { parseCompatible, readBoardIdentity } from "../../../hal/probes/board-identity.ts";
import { type ContainerTraces, classifyContainer, readContainer } from "../../../hal/probes/container.ts";
import { readInit } from "../../../hal/probes/init.ts";
import { parseLibc } from "../../../hal/probes/platform.ts";
import { parseShellVariables } from "../../../hal/probes/shell-variables.ts";
import { classifyHypervisor, type HypervisorTraces, readVirtualization } from "../../../hal/probes/virtualization.ts";
import { makeSimHost, makeTree, type Node } from "../../sim/machine-tree.ts";

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
    markers: [],
    manager: undefined,
    groupPaths: ["/"],
    pidNamespace: "pid:[4026531836]",
    cgroupNamespace: "cgroup:[4026531835]",
  };
  const isContainer = (changes: Partial<ContainerTraces>) => classifyContainer({ ...traces, ...changes }).isContainer;
  t.equal(isContainer({}), false);
  t.same(
    classifyContainer({ ...traces, markers: ["docker"], manager: "docker" }),
    { isContainer: false, containerEngine: undefined },
    "a machine started from a container's image",
  );
  t.equal(isContainer({ pidNamespace: "pid:[4026532177]" }), true);
  t.equal(isContainer({ cgroupNamespace: "cgroup:[4026532178]" }), true, "one that shares the host's processes");
  t.equal(isContainer({ groupPaths: ["/docker/0123456789ab"] }), true);
  t.equal(isContainer({ groupPaths: ["/system.slice/docker-0123456789abcdef.scope"] }), true);
  t.equal(isContainer({ groupPaths: ["/system.slice/docker.service"] }), false, "the engine itself");
  const nothing = { pidNamespace: undefined, cgroupNamespace: undefined };
  t.equal(isContainer(nothing), undefined);
  t.equal(isContainer({ ...nothing, markers: ["docker"] }), true);
  t.same(await readContainer(makeSimHost(makeTree({ "/.dockerenv": "" }))), { isContainer: true, containerEngine: "docker" });
});

test("whose container", async (t) => {
  const engine = async (nodes: Record<string, Node>) =>
    (await readContainer(makeSimHost(makeTree({ "/proc/self/ns/pid": { link: "pid:[4026532177]" }, ...nodes })))).containerEngine;
  const groups = (path: string) => ({ "/proc/self/cgroup": `0::${path}\n` });
  t.equal(await engine(groups("/docker/0123456789ab")), "docker");
  t.equal(await engine(groups("/system.slice/docker-0123456789ab.scope")), "docker");
  t.equal(await engine(groups("/user.slice/user@1000.service/libpod-01.scope")), "podman");
  t.equal(await engine(groups("/kubepods/besteffort/pod1/2")), "kubernetes");
  t.equal(await engine(groups("/lxc/box")), "lxc");
  t.equal(await engine(groups("/lxc.payload.box/init.scope")), "lxc");
  t.equal(await engine({ "/run/.containerenv": "" }), "podman");
  t.equal(await engine({ "/run/systemd/container": "lxc\n" }), "lxc");
  t.equal(await engine({ "/run/host/container-manager": "systemd-nspawn\n" }), "systemd-nspawn");
  t.equal(await engine({ "/run/host/container-manager": "new-one\n" }), undefined, "an engine that nobody knows");
  const pod = { "/run/secrets/kubernetes.io/serviceaccount/namespace": "x", "/run/.containerenv": "" };
  t.equal(await engine(pod), "kubernetes", "which has others run its containers");
  t.equal(await engine({}), undefined);
});

test("the first process", async (t) => {
  const kind = (nodes: Record<string, Node>) => readInit(makeSimHost(makeTree(nodes)));
  t.equal(await kind({ "/proc/1/comm": "systemd\n" }), "systemd");
  t.equal(await kind({ "/proc/1/comm": "procd\n", "/sbin/init": "" }), "procd");
  t.equal(await kind({ "/proc/1/comm": "runit\n" }), "runit");
  t.equal(await kind({ "/proc/1/comm": "init\n", "/sbin/init": { link: "/bin/busybox" } }), "busybox");
  t.equal(
    await kind({ "/proc/1/comm": "init\n", "/sbin/init": { link: "/bin/busybox" }, "/run/openrc/softlevel": "default" }),
    "openrc",
    "Alpine: OpenRC started by BusyBox",
  );
  t.equal(await kind({ "/proc/1/comm": "init\n", "/run/systemd/system/x": "" }), "systemd");
  t.equal(await kind({ "/proc/1/comm": "init\n" }), "other", "a classic init leaves no trace");
  t.equal(
    await kind({ "/proc/1/comm": "node\n", "/run/systemd/system/x": "" }),
    "other",
    "a container that sees the host's /run",
  );
  t.equal(await kind({}), undefined);
});

test("libc", (t) => {
  const libcOf = (...files: string[]) => {
    const { libc, libcVersion } = parseLibc(files.map((file) => `7f00-7f01 r-xp 00000000 fe:00 1      ${file}\n`).join(""));
    return [libc, libcVersion];
  };
  t.same(libcOf("/usr/lib/x86_64-linux-gnu/libc.so.6"), ["glibc", undefined]);
  t.same(libcOf("/lib64/ld-linux-x86-64.so.2"), ["glibc", undefined]);
  t.same(libcOf("/lib/x86_64-linux-gnu/libc-2.31.so", "/lib/x86_64-linux-gnu/ld-2.31.so"), ["glibc", "2.31"]);
  t.same(libcOf("/lib/ld-musl-aarch64.so.1"), ["musl", undefined]);
  t.same(
    libcOf("/lib/ld-musl-armhf.so.1", "/lib/ld-linux-armhf.so.3"),
    ["musl", undefined],
    "glibc's loader as a stub over musl",
  );
  t.same(libcOf("/usr/bin/node"), [undefined, undefined]);
  t.end();
});

test("shell variables", (t) => {
  const text = "# comment\nDISTRIB_RELEASE='24.10.0'\nDISTRIB_TARGET=\"mediatek/filogic\"\nPLAIN=word\nrm -rf /\nX=`id`\n";
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
  t.match(await dmi("Supermicro\n", "Super Server\n", "17\n"), { value: { dmiProduct: undefined, chassisType: 17 } });
  t.match(await dmi("ASUS\n", "All Series\n", "3\n"), { value: { dmiVendor: "ASUS", dmiProduct: undefined } });
  t.match(await dmi("OEM_MANUFACTURER\n", "To be set by O.E.M.\n", "2\n"), { kind: "absent" });
  t.match(await dmi("NVIDIA\n", "NVIDIA_DGX_Spark\n", "17\n"), { value: { boardName: "nvidia-nvidia_dgx_spark" } }, "as OpenWrt");
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
