/** Graphics processors and network interfaces: what counts as one, and what is kept back. */
import { test } from "tap";
import { fastestLink, known, usableGpus } from "../../../hal/index.ts";
import { readGpus } from "../../../hal/probes/gpus.ts";
import { parseLinkSpeed, readInterfaces } from "../../../hal/probes/network.ts";
import { parseNvidiaModel, parseNvidiaVersion } from "../../../hal/probes/nvidia.ts";
import { makeSimHost, makeTree, type Node } from "../../sim/machine-tree.ts";

function pci(address: string, vendor: string, driver?: string, renderNode?: string): Record<string, Node> {
  const place = `/sys/devices/pci0000:00/${address}`;
  return {
    [`/sys/bus/pci/devices/${address}`]: { link: `../../../devices/pci0000:00/${address}` },
    [`${place}/class`]: "0x030000\n",
    [`${place}/vendor`]: `${vendor}\n`,
    [`${place}/device`]: "0x1234\n",
    ...(driver === undefined ? {} : { [`${place}/driver`]: { link: `../../../bus/pci/drivers/${driver}` } }),
    ...(renderNode === undefined
      ? {}
      : { [`/sys/class/drm/${renderNode}/device`]: { link: place }, [`${place}/subsystem`]: { link: "../../../bus/pci" } }),
  };
}

async function gpusOf(nodes: Record<string, Node>) {
  return readGpus(makeSimHost(makeTree(nodes)));
}

test("display devices on PCI", async (t) => {
  const found = await gpusOf({
    ...pci("0000:01:00.0", "0x10de", "nvidia"),
    ...pci("0000:02:00.0", "0x10de"),
    ...pci("0000:03:00.0", "0x8086", "i915", "renderD128"),
    ...pci("0000:04:00.0", "0x1a03", "ast"),
    ...pci("0000:05:00.0", "0x1234", "bochs-drm"),
    ...pci("0000:06:00.0", "0xabcd", "new"),
    "/sys/bus/pci/devices/0000:07:00.0/class": "0x020000\n",
  });
  const gpus = known(found) ?? [];
  t.same(
    gpus.map(({ vendor, driver, hasRenderNode, kind }) => [vendor, driver, hasRenderNode, kind]),
    [
      ["NVIDIA", "nvidia", false, "hardware"],
      ["NVIDIA", undefined, false, "hardware"],
      ["Intel", "i915", true, "hardware"],
      ["ASPEED", "ast", false, "display-only"],
      ["QEMU", "bochs-drm", false, "virtual"],
      ["0xabcd", "new", false, "hardware"],
    ],
  );
  t.equal(usableGpus(gpus).length, 3, "hardware that a driver holds");
});

test("what drivers tell of a graphics processor", async (t) => {
  const place = "/sys/devices/pci0000:00";
  const information = "Model: \t\t NVIDIA H200\nIRQ:   \t\t 120\nGPU UUID: \t GPU-do-not-keep-me\n";
  const found = await gpusOf({
    ...pci("0000:01:00.0", "0x10de", "nvidia"),
    [`${place}/0000:01:00.0/class`]: "0x030200\n",
    [`${place}/0000:01:00.0/mem_info_vram_total`]: "no such file on a real one\n",
    "/proc/driver/nvidia/gpus/0000:01:00.0/information": information,
    "/proc/driver/nvidia/version":
      "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  550.54.14  Release Build  (builder)\nGCC version:  gcc 12\n",
    ...pci("0000:02:00.0", "0x1002", "amdgpu", "renderD128"),
    [`${place}/0000:02:00.0/mem_info_vram_total`]: "17163091968\n",
    ...pci("0000:03:00.0", "0x10de", "vfio-pci"),
    ...pci("0000:04:00.0", "0x1002", "amdgpu", "renderD129"),
    [`${place}/0000:04:00.0/class`]: "0x120000\n",
    ...pci("0000:05:00.0", "0x8086", "idxd"),
    [`${place}/0000:05:00.0/class`]: "0x120000\n",
  });
  const gpus = known(found) ?? [];
  t.same(
    gpus.map(({ vendor, kind, model, driverVersion, memoryBytes }) => [vendor, kind, model, driverVersion, memoryBytes]),
    [
      ["NVIDIA", "hardware", "NVIDIA H200", "550.54.14", undefined],
      ["AMD", "hardware", undefined, undefined, 17_163_091_968],
      ["NVIDIA", "reserved", undefined, undefined, undefined],
      ["AMD", "hardware", undefined, undefined, undefined],
    ],
    "an accelerator that is no graphics processor is none",
  );
  t.equal(usableGpus(gpus).length, 3, "not the one that is held back for a virtual machine");
  t.notMatch(JSON.stringify(gpus), /keep-me/, "the unit's identity is not kept");
});

test("NVIDIA's files", (t) => {
  t.equal(
    parseNvidiaVersion("NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.183.01  Sun May 12 19:39:15 UTC 2024\n"),
    "535.183.01",
  );
  t.equal(parseNvidiaVersion("NVRM version: NVIDIA UNIX x86_64 Kernel Module\n"), undefined);
  t.equal(parseNvidiaModel("IRQ: 1\n"), undefined);
  t.equal(parseNvidiaModel("Model:\nIRQ: 1\n"), undefined);
  t.end();
});

test("pictures drawn by hypervisors and remote consoles are no computing", async (t) => {
  const makers = {
    "0x1234": "bochs",
    "0x1af4": "virtio-pci",
    "0x1013": "cirrus",
    "0x1b36": "qxl",
    "0x15ad": "vmwgfx",
    "0x80ee": "vboxvideo",
  };
  const consoles = { "0x1a03": "ast", "0x102b": "mgag200", "0x19e5": "hibmc-drm" };
  const entries = Object.entries({ ...makers, ...consoles });
  const nodes = entries.map(([vendor, driver], index) => pci(`0000:0${index}:00.0`, vendor, driver, `renderD${128 + index}`));
  const gpus = known(await gpusOf(Object.assign({}, ...nodes))) ?? [];
  t.equal(gpus.length, entries.length);
  t.same(usableGpus(gpus), []);
});

test("graphics of a SoC, and software that only looks like it", async (t) => {
  const panfrost = {
    "/sys/class/drm/renderD128/device": { link: "/sys/devices/platform/ff9a0000.gpu" },
    "/sys/devices/platform/ff9a0000.gpu/driver": { link: "../../../bus/platform/drivers/panfrost" },
    "/sys/devices/platform/ff9a0000.gpu/subsystem": { link: "../../../bus/platform" },
  };
  t.match(await gpusOf(panfrost), {
    kind: "found",
    value: [{ bus: "platform", driver: "panfrost", hasRenderNode: true, kind: "hardware" }],
  });
  const vgem = {
    "/sys/class/drm/renderD128/device": { link: "/sys/devices/platform/vgem" },
    "/sys/devices/platform/vgem/driver": { link: "../../../bus/platform/drivers/vgem" },
    "/sys/devices/platform/vgem/subsystem": { link: "../../../bus/platform" },
  };
  t.equal((await gpusOf(vgem)).kind, "absent");
  t.equal((await gpusOf({})).kind, "absent");
});

const ETH = "/sys/devices/pci0000:00/0000:00:1f.6/net/eno1";

test("network interfaces", async (t) => {
  const interfaces = await readInterfaces(
    makeSimHost(
      makeTree({
        "/sys/class/net/bonding_masters": "",
        "/sys/class/net/br0/type": "1\n",
        "/sys/class/net/br0/operstate": "up\n",
        "/sys/class/net/br0/speed": "10000\n",
        "/sys/class/net/br0/bridge/stp_state": "0\n",
        "/sys/class/net/eno1": { link: "../../devices/pci0000:00/0000:00:1f.6/net/eno1" },
        [`${ETH}/type`]: "1\n",
        [`${ETH}/operstate`]: "up\n",
        [`${ETH}/speed`]: "2500\n",
        [`${ETH}/address`]: "02:00:00:00:00:01\n",
        [`${ETH}/device`]: { link: "../../../0000:00:1f.6" },
        [`${ETH}/statistics/rx_bytes`]: "12\n",
        [`${ETH}/statistics/tx_bytes`]: "99999999999999999999\n",
        "/sys/class/net/tun0/type": "65534\n",
        "/sys/class/net/tun0/operstate": "unknown\n",
        "/sys/class/net/tun0/carrier": "1\n",
        "/sys/class/net/wlan0/type": "1\n",
        "/sys/class/net/wlan0/operstate": "down\n",
        "/sys/class/net/wlan0/speed": "54\n",
        "/sys/class/net/wlan0/phy80211/index": "0\n",
        "/sys/class/net/wlan0/device": { link: "../../../mmc1:0001:1" },
      }),
    ),
  );
  const facts = known(interfaces) ?? [];
  t.same(
    facts.map(({ name, kind, wireless, up, linkBitsPerSecond }) => [name, kind, wireless, up, linkBitsPerSecond]),
    [
      ["eno1", "physical", false, true, 2_500_000_000],
      ["wlan0", "physical", true, false, undefined],
      ["br0", "bridge", false, true, 10_000_000_000],
      ["tun0", "virtual", false, true, undefined],
    ],
    "those with a device first; a link that is down has no speed",
  );
  t.match(facts[0], { receivedBytes: 12, sentBytes: undefined }, "a count that no number holds is unknown");
  t.notMatch(JSON.stringify(facts), /02:00/, "no hardware address");
  t.equal(fastestLink(facts), 2_500_000_000, "a bridge is as fast as what is behind it");
});

test("link speeds that are none", (t) => {
  t.equal(parseLinkSpeed("1000\n"), 1_000_000_000);
  for (const text of ["-1", "4294967295", "0", "", undefined, "fast"]) t.equal(parseLinkSpeed(text), undefined, String(text));
  t.end();
});
