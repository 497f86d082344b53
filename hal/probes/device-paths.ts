/**
 * Where a device is plugged in, by its place below /sys/devices: a name that stays the same when the device is taken out and put
 * back into the same socket, unlike `ttyUSB0` and `hidraw1`, which count up in the order of arrival.
 */
import type { Host } from "../host.ts";
import { MAX_ATTRIBUTE_BYTES, MAX_STABLE_PATH } from "../limits.ts";
import { known } from "../probe-result.ts";
import { cleanText, readAttribute } from "./text.ts";

/** The parts of a device's place below /sys/devices, from the link in its class directory; undefined where the link leads elsewhere. */
export function placeOf(link: string | undefined): readonly string[] | undefined {
  const below = /(?:^|\/)devices\/(.+)$/.exec(link ?? "")?.[1];
  const parts = below?.split("/") ?? [];
  return parts.length === 0 || parts.length > 64 || parts.some((part) => /^\.{0,2}$/.test(part)) ? undefined : parts;
}

/** An interface of a USB device (https://docs.kernel.org/driver-api/usb/usb.html): bus, ports from hub to hub, configuration, number. */
const USB_INTERFACE = /^\d{1,4}-\d{1,3}(?:\.\d{1,3}){0,6}:\d{1,3}\.\d{1,3}$/;

/** Which part of a place is the USB interface that holds the device; undefined where it is no USB device. */
export function findUsbInterface(place: readonly string[]): number | undefined {
  const index = place.findLastIndex((part) => USB_INTERFACE.test(part));
  return index === -1 ? undefined : index;
}

/** The stable path of a place: `usb-1-1.4:1.0`, or the whole place of a device that is built in. */
export function stablePath(place: readonly string[]): string {
  const usb = findUsbInterface(place);
  return (usb === undefined ? place.join("/") : `usb-${place[usb]}`).slice(0, MAX_STABLE_PATH);
}

/** Tells apart the devices of one place, in the kernel's order: each of several gets `-port0`, `-port1` ... behind its path. */
export function distinctPaths(paths: readonly string[]): readonly string[] {
  const seen = new Map<string, number>();
  return paths.map((path) => {
    if (paths.indexOf(path) === paths.lastIndexOf(path)) return path;
    const port = seen.get(path) ?? 0;
    seen.set(path, port + 1);
    return `${path}-port${port}`;
  });
}

/** What a USB device says of itself. Its serial number is never read. */
export interface UsbIdentity {
  /** Four hexadecimal digits, lower case. */
  readonly vendorId: string | undefined;
  readonly productId: string | undefined;
  readonly product: string | undefined;
}

/** Reads who made the USB device that an interface belongs to; all undefined where the device is none of USB. */
export async function readUsbIdentity(host: Host, place: readonly string[]): Promise<UsbIdentity> {
  const index = findUsbInterface(place);
  if (index === undefined) return { vendorId: undefined, productId: undefined, product: undefined };
  const device = `/sys/devices/${place.slice(0, index).join("/")}`;
  return {
    vendorId: parseUsbId(await readAttribute(host, `${device}/idVendor`)),
    productId: parseUsbId(await readAttribute(host, `${device}/idProduct`)),
    product: cleanText(known(await host.readText(`${device}/product`, MAX_ATTRIBUTE_BYTES))),
  };
}

/** Four hexadecimal digits, in lower case. */
export function parseUsbId(text: string | undefined): string | undefined {
  return text !== undefined && /^[0-9a-f]{4}$/i.test(text) ? text.toLowerCase() : undefined;
}

/** The order in which the kernel numbered: `ttyS2` before `ttyS10`. */
export function byKernelNumber(left: string, right: string): number {
  const split = (name: string): readonly [string, number] => {
    const digits = /\d{0,9}$/.exec(name)?.[0] ?? "";
    return [name.slice(0, name.length - digits.length), Number(digits)];
  };
  const [leftStem, leftNumber] = split(left);
  const [rightStem, rightNumber] = split(right);
  return leftStem === rightStem ? leftNumber - rightNumber : leftStem < rightStem ? -1 : 1;
}
