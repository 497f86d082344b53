/** What devices get out of the profiles that ship, each told by the names that its device tree or its DMI gives. */
import { test } from "tap";
import type { BoardProfile } from "../../../hal/index.ts";
import { type BoardTraits, matchBoard } from "../../../hal/profiles/board-match.ts";
import { shippedBoards } from "../../sim/shipped-boards.ts";

const NOTHING: BoardTraits = {
  compatible: [],
  dmiVendor: undefined,
  dmiProduct: undefined,
  dmiBoard: undefined,
  chassisType: undefined,
  isContainer: false,
  hypervisor: undefined,
  isVirtual: false,
  isOpenwrt: false,
  hasGpu: false,
  arch: undefined,
};

/** Id and cap of the profile for a device. */
function verdict(traits: Partial<BoardTraits>, boards: readonly BoardProfile[]): string | undefined {
  const match = matchBoard({ ...NOTHING, ...traits }, boards);
  if (!match.ok) return match.error.message;
  return match.value && `${match.value.profile.id} ${match.value.profile.limits.max_tier}`;
}

test("devices with a device tree, whole lists of names", async (t) => {
  const boards = await shippedBoards();
  const devices: readonly (readonly [expected: string, names: string, more?: Partial<BoardTraits>])[] = [
    ["glinet,gl-mt3000 Lite", "glinet,gl-mt3000 mediatek,mt7981", { isOpenwrt: true }],
    ["mediatek,mt7981 Lite", "acme,ax3000 mediatek,mt7981b mediatek,mt7981", { isOpenwrt: true }],
    ["glinet,gl-mt6000 Normal", "glinet,gl-mt6000 mediatek,mt7986a", { isOpenwrt: true }],
    ["xiaomi,redmi-router-ax6000 Lite", "xiaomi,redmi-router-ax6000 mediatek,mt7986a"],
    ["xiaomi,redmi-router-ax6000 Lite", "xiaomi,redmi-router-ax6000-stock mediatek,mt7986a"],
    ["linksys,wrt3200acm Lite", "linksys,wrt3200acm linksys,rango linksys,armada385 marvell,armada385 marvell,armada380"],
    ["linksys,wrt3200acm Lite", "linksys,rango linksys,armada385 marvell,armada385 marvell,armada380"],
    ["cznic,turris-omnia Normal", "cznic,turris-omnia marvell,armada385 marvell,armada380"],
    ["friendlyarm,nanopi-r2s Normal", "friendlyarm,nanopi-r2s rockchip,rk3328"],
    ["friendlyarm,nanopi-r4s Normal", "friendlyarm,nanopi-r4s rockchip,rk3399"],
    ["friendlyarm,nanopi-r5s Normal", "friendlyarm,nanopi-r5s rockchip,rk3568"],
    ["raspberrypi,3-model-b Normal", "raspberrypi,3-model-b-plus brcm,bcm2837"],
    ["raspberrypi,4-model-b Normal", "raspberrypi,4-model-b brcm,bcm2711"],
    ["raspberrypi,5-model-b Super", "raspberrypi,5-model-b brcm,bcm2712"],
    ["raspberrypi,5-model-b Normal", "raspberrypi,5-model-b brcm,bcm2712", { isContainer: true }],
    ["radxa,rockpi4b Normal", "radxa,rockpi4b radxa,rockpi4 rockchip,rk3399"],
    ["radxa,rock-5b Super", "radxa,rock-5b rockchip,rk3588"],
    ["xunlong,orangepi-zero Lite", "xunlong,orangepi-zero allwinner,sun8i-h2-plus"],
    ["hardkernel,odroid-c2 Normal", "hardkernel,odroid-c2 amlogic,meson-gxbb"],
    ["hardkernel,odroid-n2 Normal", "hardkernel,odroid-n2 amlogic,s922x amlogic,g12b"],
    ["phicomm,n1 Normal", "phicomm,n1 amlogic,s905d amlogic,meson-gxl"],
    ["amlogic,p212 Normal", "amlogic,p212 amlogic,s905x amlogic,meson-gxl"],
    ["khadas,vim Normal", "khadas,vim amlogic,s905x amlogic,meson-gxl"],
    ["amlogic,meson-gxl Normal", "acme,box amlogic,s905w amlogic,meson-gxl"],
    ["amlogic,q201 Normal", "amlogic,q201 amlogic,s912 amlogic,meson-gxm"],
    ["amlogic,meson-gxm Normal", "acme,box amlogic,s912 amlogic,meson-gxm"],
    ["amediatech,x96-max Normal", "amediatech,x96-max amlogic,g12a"],
    ["azw,gtking Normal", "azw,gtking amlogic,s922x amlogic,g12b"],
    ["xunlei,onecloud Lite", "xunlei,onecloud amlogic,meson8b"],
    ["generic-openwrt Normal", "acme,router acme,soc", { isOpenwrt: true }],
    ["generic-pc Super", "acme,board acme,soc"],
  ];
  for (const [expected, names, more] of devices) {
    t.equal(verdict({ compatible: names.split(" "), arch: "aarch64", ...more }, boards), expected, names);
  }
});

test("devices with DMI, and those that are none", async (t) => {
  const boards = await shippedBoards();
  const x86 = { arch: "x86_64" };
  const cases: readonly (readonly [expected: string | undefined, traits: Partial<BoardTraits>])[] = [
    ["generic-pc Super", x86],
    ["generic-pc Super", { ...x86, chassisType: 3 }],
    ["generic-pc-gpu Super", { ...x86, chassisType: 3, hasGpu: true }],
    ["generic-pc Super", { ...x86, hasGpu: true }],
    ["generic-server Super", { ...x86, chassisType: 23 }],
    ["generic-server Super", { ...x86, chassisType: 17, hasGpu: true }],
    ["dell-poweredge Super", { ...x86, dmiVendor: "Dell Inc.", dmiProduct: "PowerEdge R740", chassisType: 23 }],
    ["generic-pc Super", { ...x86, dmiVendor: "Dell Inc.", dmiProduct: "Latitude E4310", chassisType: 9 }],
    ["hpe-proliant Super", { ...x86, dmiVendor: "HPE", dmiProduct: "ProLiant DL380 Gen11", chassisType: 23 }],
    ["pcengines,apu2 Normal", { ...x86, dmiVendor: "PC Engines", dmiProduct: "apu2", dmiBoard: "apu2", chassisType: 3 }],
    ["pcengines,apu2 Normal", { ...x86, dmiVendor: "PC Engines", dmiBoard: "PC Engines apu3", isOpenwrt: true }],
    ["intel-nuc Super", { ...x86, dmiVendor: "Intel(R) Client Systems", dmiBoard: "NUC11TNBi5", chassisType: 35, hasGpu: true }],
    ["intel-nuc Normal", { ...x86, dmiBoard: "NUC7i7DNB", isContainer: true }],
    ["generic-vm Normal", { ...x86, isVirtual: true }],
    ["generic-vm Normal", { ...x86, isVirtual: true, hypervisor: "KVM", dmiVendor: "QEMU", chassisType: 23, hasGpu: true }],
    ["firecracker-vm Normal", { ...x86, isVirtual: true, hypervisor: "Firecracker" }],
    ["generic-vm Normal", { ...x86, isVirtual: true, dmiVendor: "Dell Inc.", chassisType: 23 }],
    ["generic-container Normal", { ...x86, isContainer: true, chassisType: 23 }],
    ["generic-container Normal", { ...x86, isContainer: true, isVirtual: true, hypervisor: "Firecracker" }],
    ["generic-openwrt Normal", { arch: "mips", isOpenwrt: true }],
    [undefined, { arch: "mips" }],
  ];
  for (const [expected, traits] of cases) t.equal(verdict(traits, boards), expected, JSON.stringify(traits));
});
