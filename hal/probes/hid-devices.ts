/**
 * Devices that speak HID and can be opened raw: /sys/class/hidraw (https://docs.kernel.org/hid/hidraw.html). Which they are stands in
 * the `uevent` file of the HID device; the serial number (HID_UNIQ) and hardware addresses in it are passed over.
 */
import type { Host } from "../host.ts";
import { MAX_ATTRIBUTE_BYTES, MAX_DEVICES } from "../limits.ts";
import { absent, found, known, type ProbeResult } from "../probe-result.ts";
import { byKernelNumber, distinctPaths, placeOf, stablePath } from "./device-paths.ts";
import { cleanText } from "./text.ts";

/** What a HID device says of itself. What is undefined it does not say. */
export interface HidIdentity {
  readonly bus: "usb" | "bluetooth" | "i2c" | "virtual" | undefined;
  /** Four hexadecimal digits, lower case. */
  readonly vendorId: string | undefined;
  readonly productId: string | undefined;
  readonly product: string | undefined;
}

/** One device. */
export interface HidDeviceFacts extends HidIdentity {
  /** The kernel's name, which is also that below /dev: `hidraw0`. It may be another one after the next plugging in. */
  readonly name: string;
  /** Where it is plugged in: `usb-1-1.4:1.2`; undefined for a device without wires, whose place tells nothing. */
  readonly path: string | undefined;
}

/** Reads the devices, at most MAX_DEVICES. `absent` where there is none. */
export async function readHidDevices(host: Host): Promise<ProbeResult<readonly HidDeviceFacts[]>> {
  const names = await host.list("/sys/class/hidraw");
  if (names.kind !== "found") return names;
  const own = names.value.filter((name) => /^hidraw\d{1,6}$/.test(name)).sort(byKernelNumber);
  const devices: HidDeviceFacts[] = [];
  for (const name of own.slice(0, MAX_DEVICES)) {
    const uevent = known(await host.readText(`/sys/class/hidraw/${name}/device/uevent`, MAX_ATTRIBUTE_BYTES));
    const identity = parseHidUevent(uevent ?? "");
    const link = known(await host.readLink(`/sys/class/hidraw/${name}`));
    devices.push({ name, path: hidPath(identity.bus, link), ...identity });
  }
  const paths = distinctPaths(devices.map(({ path, name }) => path ?? name));
  const placed = devices.map((device, index) => (device.path === undefined ? device : { ...device, path: paths[index] }));
  return placed.length === 0 ? absent("no HID device") : found(placed);
}

/** Bus types of the kernel's include/uapi/linux/input.h. */
const BUSES: Readonly<Record<string, HidIdentity["bus"]>> = {
  "0003": "usb",
  "0005": "bluetooth",
  "0006": "virtual",
  "0018": "i2c",
};

/** The lines HID_ID (bus, vendor, product) and HID_NAME of a HID device's uevent file; no other is looked at. */
export function parseHidUevent(text: string): HidIdentity {
  const id = /^HID_ID=([0-9A-F]{4}):0000([0-9A-F]{4}):0000([0-9A-F]{4})$/im.exec(text);
  return {
    bus: BUSES[id?.[1] ?? ""],
    vendorId: id?.[2]?.toLowerCase(),
    productId: id?.[3]?.toLowerCase(),
    product: cleanText(/^HID_NAME=(.*)$/m.exec(text)?.[1]),
  };
}

/**
 * The place without `BUS:VENDOR:PRODUCT.COUNT` (the count goes up with every plugging in) and `hidraw/hidrawN`. Bluetooth devices
 * hang on a number that the kernel makes up for the connection.
 */
function hidPath(bus: HidIdentity["bus"], link: string | undefined): string | undefined {
  if (bus === "bluetooth" || bus === "virtual") return undefined;
  const place = placeOf(link);
  const end = place?.findIndex((part) => /^[0-9A-F]{4}:[0-9A-F]{4}:[0-9A-F]{4}\.[0-9A-F]{4,8}$/i.test(part)) ?? -1;
  if (place === undefined || end < 1) return undefined;
  return stablePath(place.slice(0, end)).replace(/[^\x21-\x7e]/g, "?");
}
