/**
 * What the maker calls this device: DMI of PCs and servers (/sys/class/dmi/id), the device tree's compatible list of everything else
 * (https://www.devicetree.org/specifications, "compatible"), and the name that OpenWrt derives from them (/tmp/sysinfo, written by
 * its base-files). Serial numbers are never read.
 */
import type { Host } from "../host.ts";
import { MAX_ATTRIBUTE_BYTES } from "../limits.ts";
import { absent, found, known, type ProbeResult } from "../probe-result.ts";
import { cleanText, parseCount, readAttribute } from "./text.ts";

/** Names of the device. What is undefined is not given, or a placeholder that the maker forgot to fill in. */
export interface BoardIdentity {
  readonly dmiVendor: string | undefined;
  readonly dmiProduct: string | undefined;
  /** Name of the main board, which some makers fill in better than that of the product. */
  readonly dmiBoard: string | undefined;
  /** SMBIOS chassis type (DMTF DSP0134, section 7.4.1): 3 desktop, 17 main server chassis, 23 rack mount ... */
  readonly chassisType: number | undefined;
  /** Device-tree names, from the board's own to that of its SoC. */
  readonly compatible: readonly string[];
  /** One short name: OpenWrt's, else the first compatible, else vendor and product in OpenWrt's spelling. */
  readonly boardName: string | undefined;
  /** The name that the device tree or OpenWrt has for people. */
  readonly model: string | undefined;
}

/** The files by which profiles tell boards apart. */
const IDENTITY_FILES: readonly string[] = [
  "/proc/device-tree/compatible",
  "/etc/openwrt_release",
  ...["sys_vendor", "product_name", "board_name", "chassis_type"].map((name) => `/sys/class/dmi/id/${name}`),
];

/**
 * Reads the names. `absent` where there is none, as in most small virtual machines; `failed` where one is there and cannot be read: a
 * machine that is half known would be taken for another one.
 */
export async function readBoardIdentity(host: Host): Promise<ProbeResult<BoardIdentity>> {
  for (const path of IDENTITY_FILES) {
    const text = await host.readText(path, MAX_ATTRIBUTE_BYTES);
    if (text.kind === "failed") return text;
  }
  const dmi = (name: string): Promise<string | undefined> => readAttribute(host, `/sys/class/dmi/id/${name}`);
  const dmiVendor = meaningful(await dmi("sys_vendor")) ?? meaningful(await dmi("board_vendor"));
  const dmiBoard = meaningful(await dmi("board_name"));
  const dmiProduct = meaningful(await dmi("product_name")) ?? dmiBoard;
  const chassis = parseCount(await dmi("chassis_type"));
  const tree = known(await host.readText("/proc/device-tree/compatible", MAX_ATTRIBUTE_BYTES));
  const compatible = parseCompatible(tree ?? "");
  const openwrtName = cleanText(await readAttribute(host, "/tmp/sysinfo/board_name"));
  const model =
    cleanText(await readAttribute(host, "/tmp/sysinfo/model")) ?? cleanText(await readAttribute(host, "/proc/device-tree/model"));
  const boardName = openwrtName ?? compatible[0] ?? dmiBoardName(dmiVendor, dmiProduct);
  // Types 1 and 2 mean "other" and "unknown".
  const chassisType = chassis !== undefined && chassis > 2 && chassis < 128 ? chassis : undefined;
  if (boardName === undefined && model === undefined && chassisType === undefined) {
    return absent("neither DMI nor a device tree names this machine");
  }
  return found({ dmiVendor, dmiProduct, dmiBoard, chassisType, compatible, boardName, model });
}

/** The names in a device-tree string list: each ends with a zero byte. At most 32. */
export function parseCompatible(text: string): readonly string[] {
  return text
    .split("\0")
    .slice(0, 32)
    .map((name) => cleanText(name))
    .filter((name) => name !== undefined);
}

/**
 * What makers leave in DMI when they leave it as it came; OpenWrt skips the first of them in its x86 target. "Super Server" is what
 * Supermicro calls every machine. Compared in lower case.
 */
const PLACEHOLDERS: ReadonlySet<string> = new Set([
  "empty",
  "default string",
  "to be filled by o.e.m.",
  "system manufacturer",
  "system product name",
  "super server",
  "to be filled by o.e.m",
  "to be filled by oem",
  "to be set by o.e.m.",
  "to be set by oem",
  "o.e.m.",
  "oem",
  "oem_manufacturer",
  "oem manufacturer",
  "oem-product",
  "oem product",
  "not specified",
  "not applicable",
  "not available",
  "not defined",
  "not set",
  "none",
  "null",
  "n/a",
  "na",
  "unknown",
  "unknown vendor",
  "unknown product",
  "manufacturer",
  "system name",
  "system model",
  "system version",
  "product name",
  "product",
  "base board manufacturer",
  "base board product name",
  "board manufacturer",
  "board product name",
  "chassis manufacturer",
  "type1productconfigid",
  "type2 - board product name",
  "type2 - board vendor name1",
  "sample",
  "invalid",
  "undefined",
  "all series",
  "0",
  "0123456789",
  "123456789",
  "1234567890",
  "x.x",
]);

function meaningful(text: string | undefined): string | undefined {
  const name = cleanText(text);
  return name === undefined || PLACEHOLDERS.has(name.toLowerCase()) || !/[\p{L}\p{N}]/u.test(name) ? undefined : name;
}

/** As OpenWrt's x86 target spells it: lower case, everything else than letters, digits, dash and underscore a dash. */
function dmiBoardName(vendor: string | undefined, product: string | undefined): string | undefined {
  if (product === undefined) return undefined;
  const words = [vendor, product].filter((word) => word !== undefined).join(" ");
  return (
    words
      .toLowerCase()
      .replace(/[^a-z0-9_-]+/g, "-")
      .replace(/^-|-$/g, "") || undefined
  );
}
