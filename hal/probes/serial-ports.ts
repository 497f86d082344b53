/**
 * Serial ports: the terminals of /sys/class/tty behind which there is a device (https://docs.kernel.org/driver-api/serial,
 * https://docs.kernel.org/usb/usb-serial.html), without those that a driver only reserved. No port is opened.
 */
import type { Host } from "../host.ts";
import { MAX_ATTRIBUTE_BYTES, MAX_DEVICES } from "../limits.ts";
import { absent, found, known, type ProbeResult } from "../probe-result.ts";
import { byKernelNumber, distinctPaths, placeOf, readUsbIdentity, stablePath, type UsbIdentity } from "./device-paths.ts";
import { cleanText, linkName, readAttribute } from "./text.ts";

/** One serial port. */
export interface SerialPortFacts extends UsbIdentity {
  /** The kernel's name, which is also that below /dev: `ttyS0`, `ttyUSB1`. It may be another one after the next plugging in. */
  readonly name: string;
  /** Where it is plugged in: `usb-1-1.4:1.0`, `platform/soc/fe201000.serial`; stays the same when it is plugged in again. */
  readonly path: string;
  readonly driver: string | undefined;
  /** The system's console, into which nobody may write. Undefined where it cannot be seen: it may be one. */
  readonly console: boolean | undefined;
}

/** Reads the ports, at most MAX_DEVICES. `absent` where there is none. */
export async function readSerialPorts(host: Host): Promise<ProbeResult<readonly SerialPortFacts[]>> {
  const names = await host.list("/sys/class/tty");
  if (names.kind !== "found") return names;
  const consoles = await readConsoles(host);
  const candidates: { readonly name: string; readonly place: readonly string[] }[] = [];
  for (const name of [...names.value].sort(byKernelNumber)) {
    if (candidates.length === MAX_DEVICES) break;
    if (!/^[\w-]{1,32}$/.test(name)) continue;
    // Terminals of the screen and of programs have no device behind them.
    if ((await host.readLink(`/sys/class/tty/${name}/device`)).kind !== "found") continue;
    const place = portPlace(known(await host.readLink(`/sys/class/tty/${name}`)), name);
    if (place !== undefined) candidates.push({ name, place });
  }
  const paths = distinctPaths(candidates.map(({ place }) => stablePath(withoutSerialBase(place))));
  const ports: SerialPortFacts[] = [];
  for (const [index, { name, place }] of candidates.entries()) {
    const isConsole = consoles?.has(name);
    // PORT_UNKNOWN: the driver keeps a number for a port that may be found one day.
    if (isConsole !== true && (await readAttribute(host, `/sys/class/tty/${name}/type`)) === "0") continue;
    const driver = await linkName(host, `/sys/devices/${withoutSerialBase(place).join("/")}/driver`);
    const usb = await readUsbIdentity(host, place);
    ports.push({ name, path: cleanPath(paths[index] ?? name), driver: cleanText(driver), console: isConsole, ...usb });
  }
  return ports.length === 0 ? absent("no serial port") : found(ports);
}

/** The place of the device behind a terminal: its own, without `tty/NAME` at the end. */
function portPlace(link: string | undefined, name: string): readonly string[] | undefined {
  const place = placeOf(link);
  return place?.at(-1) === name && place.at(-2) === "tty" && place.length > 2 ? place.slice(0, -2) : undefined;
}

/**
 * Since kernel 6.5 a port's place ends in a controller and a port that the serial core made up (`fe201000.serial:0` and
 * `fe201000.serial:0.0` below `fe201000.serial`); the device itself is above them.
 */
function withoutSerialBase(place: readonly string[]): readonly string[] {
  const [device, controller, port] = place.slice(-3);
  const isMadeUp =
    device !== undefined && controller?.startsWith(`${device}:`) === true && port?.startsWith(`${controller}.`) === true;
  return isMadeUp ? place.slice(0, -2) : place;
}

function cleanPath(path: string): string {
  return path.replace(/[^\x21-\x7e]/g, "?");
}

/** The names of the consoles, from both places that tell; undefined where neither can be read. */
async function readConsoles(host: Host): Promise<ReadonlySet<string> | undefined> {
  const table = await host.readText("/proc/consoles", MAX_ATTRIBUTE_BYTES);
  const active = await host.readText("/sys/class/tty/console/active", MAX_ATTRIBUTE_BYTES);
  if (table.kind !== "found" && active.kind !== "found") return undefined;
  return new Set([
    ...parseConsoles(known(table) ?? ""),
    ...(known(active)
      ?.split(/\s+/)
      .filter((name) => name !== "") ?? []),
  ]);
}

/** The names in /proc/consoles: the first word of each line. */
export function parseConsoles(text: string): readonly string[] {
  return text.split("\n").flatMap((line) => /^([\w-]{1,32})\s/.exec(line)?.[1] ?? []);
}
