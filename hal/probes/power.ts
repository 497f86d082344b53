/**
 * Power supplies: /sys/class/power_supply (https://docs.kernel.org/power/power_supply_class.html,
 * https://docs.kernel.org/admin-guide/abi-testing.html). Serial numbers of batteries are never read.
 */
import type { Host } from "../host.ts";
import { MAX_POWER_SUPPLIES } from "../limits.ts";
import { absent, found, type ProbeResult } from "../probe-result.ts";
import { cleanText, parseCount, readAttribute } from "./text.ts";

/** One supply of this machine. */
export interface PowerSupply {
  /** The kernel's name: `AC`, `BAT0`. */
  readonly name: string;
  /** `Mains`, `Battery`, `USB`, `UPS`, `Wireless`; undefined where it does not say. */
  readonly type: string | undefined;
  /** Whether power comes from it; batteries do not say. */
  readonly online: boolean | undefined;
  /** Charge of a battery, 0 to 100. */
  readonly capacityPercent: number | undefined;
  /** Of a battery: `Charging`, `Discharging`, `Full`, `Not charging`; undefined where unknown. */
  readonly status: string | undefined;
}

/** What this machine runs on. */
export interface PowerFacts {
  /** Undefined where nothing tells. */
  readonly onBattery: boolean | undefined;
  readonly supplies: readonly PowerSupply[];
}

/** Reads the supplies of the machine itself. `absent` where it describes none, as servers and most single-board computers. */
export async function readPower(host: Host): Promise<ProbeResult<PowerFacts>> {
  const names = await host.list("/sys/class/power_supply");
  if (names.kind !== "found") return names;
  const supplies: PowerSupply[] = [];
  for (const name of names.value.slice(0, 4 * MAX_POWER_SUPPLIES)) {
    const directory = `/sys/class/power_supply/${name}`;
    // A mouse or a headset has a battery too; a wireless one's name is its hardware address.
    const isPeripheral = (await readAttribute(host, `${directory}/scope`)) === "Device" || HARDWARE_ADDRESS.test(name);
    if (isPeripheral || supplies.length === MAX_POWER_SUPPLIES) continue;
    const capacityPercent = parseCount(await readAttribute(host, `${directory}/capacity`));
    const status = cleanText(await readAttribute(host, `${directory}/status`));
    supplies.push({
      name: cleanText(name) ?? "unnamed",
      type: cleanText(await readAttribute(host, `${directory}/type`)),
      online: parseOnline(await readAttribute(host, `${directory}/online`)),
      capacityPercent: capacityPercent !== undefined && capacityPercent <= 100 ? capacityPercent : undefined,
      status: status === "Unknown" ? undefined : status,
    });
  }
  if (supplies.length === 0) return absent("no power supply is described");
  return found({ onBattery: isOnBattery(supplies), supplies });
}

const HARDWARE_ADDRESS = /([0-9a-f]{2}[:-]){5}[0-9a-f]{2}/i;

/** 0: offline, 1: online, 2: online with a programmable voltage. */
function parseOnline(text: string | undefined): boolean | undefined {
  return text === "0" ? false : text === "1" || text === "2" ? true : undefined;
}

/**
 * Whether the machine lives on a battery; undefined where its supplies do not tell. A supply from outside that is online settles it,
 * and a battery that charges shows one that is not listed. Pure.
 */
export function isOnBattery(supplies: readonly PowerSupply[]): boolean | undefined {
  const batteries = supplies.filter(({ type }) => type === "Battery" || type === "UPS");
  const outside = supplies.filter(({ type }) => type === "Mains" || type === "USB" || type === "Wireless");
  if (outside.some(({ online }) => online === true)) return false;
  if (batteries.some(({ status }) => status === "Discharging")) return true;
  if (batteries.some(({ status }) => status === "Charging")) return false;
  const isCutOff = outside.length > 0 && outside.every(({ online }) => online === false);
  return isCutOff && batteries.length > 0 ? true : undefined;
}
