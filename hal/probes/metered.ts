/**
 * Whether traffic over an interface costs its owner: what NetworkManager's connections say (keyfiles, nm-settings-keyfile(5)), and
 * what the kind of the interface lets one guess. What NetworkManager finds out at run time stands only on D-Bus, which is not asked.
 */
import type { Host } from "../host.ts";
import { MAX_ATTRIBUTE_BYTES, MAX_CONNECTIONS } from "../limits.ts";
import { known } from "../probe-result.ts";
import { cleanText } from "./text.ts";

/** Whether an interface is metered, and how that is known. `guess-yes` must be taken for yes until the owner says otherwise. */
export interface MeteredHint {
  readonly answer: "yes" | "guess-yes" | "no";
  readonly why: string;
}

/** What is known of an interface. */
export interface MeteredTraits {
  readonly name: string;
  /** Its kind as the kernel calls it (DEVTYPE in uevent): `wwan`, `wlan`, `vlan` ... */
  readonly deviceType: string | undefined;
  readonly driver: string | undefined;
  /** How OpenWrt sets it up. */
  readonly protocol: string | undefined;
  /** What its owner wrote down in NetworkManager. */
  readonly configured: "yes" | "no" | undefined;
}

/** Protocols of OpenWrt that lead through a modem. */
const MODEM_PROTOCOLS: ReadonlySet<string> = new Set([
  "qmi",
  "mbim",
  "ncm",
  "modemmanager",
  "3g",
  "wwan",
  "directip",
  "hso",
  "mhi",
]);

/** Drivers of telephones that share their connection through USB. */
const TETHERING_DRIVERS: ReadonlySet<string> = new Set(["rndis_host", "ipheth"]);

/** Tells whether an interface is metered; undefined where nothing says so, which does not mean no. Pure. */
export function judgeMetered(traits: MeteredTraits): MeteredHint | undefined {
  const { name, deviceType, driver, protocol, configured } = traits;
  if (configured !== undefined) return { answer: configured, why: `NetworkManager's connection of ${name} says so` };
  const guess = (why: string): MeteredHint => ({ answer: "guess-yes", why });
  if (MODEM_PROTOCOLS.has(protocol ?? "")) return guess(`${name} is set up by ${protocol}, which leads through a modem`);
  if (deviceType === "wwan" || /^wwan\d/.test(name)) return guess(`${name} is a cellular interface`);
  if (TETHERING_DRIVERS.has(driver ?? "")) return guess(`${name} is a telephone's connection (driver ${driver})`);
  if (/^usb\d/.test(name)) return guess(`${name} is a network over USB, as telephones share theirs`);
  return undefined;
}

/** The owner's word on one interface in a keyfile. */
export interface ConnectionWord {
  readonly interface: string;
  readonly metered: "yes" | "no";
}

/** NetworkManager's values: 1 for yes, 2 for no; 0, 3 and 4 leave it to be found out. */
const WORDS: ReadonlyMap<string | undefined, ConnectionWord["metered"]> = new Map([
  ["1", "yes"],
  ["yes", "yes"],
  ["2", "no"],
  ["no", "no"],
]);

/**
 * What a keyfile says, undefined where it does not say it of one interface by name: without that, which connection is in use is
 * nowhere in files. Only the section `[connection]` is looked at; others hold passwords.
 */
export function parseConnection(text: string): ConnectionWord | undefined {
  const section = /(?:^|\n)\[connection\]\s*\n([^[]*)/.exec(text)?.[1] ?? "";
  const keyed = (key: string): string | undefined => new RegExp(`^${key} *= *(.*)$`, "m").exec(section)?.[1]?.trim();
  const name = cleanText(keyed("interface-name"));
  const metered = WORDS.get(keyed("metered"));
  return name === undefined || metered === undefined ? undefined : { interface: name, metered };
}

/** Reads what NetworkManager's connections say, by interface. Only root may; others get nothing. `yes` wins over `no`. */
export async function readConnectionWords(host: Host): Promise<ReadonlyMap<string, "yes" | "no">> {
  const words = new Map<string, "yes" | "no">();
  const directory = "/etc/NetworkManager/system-connections";
  const names = known(await host.list(directory))?.filter((name) => name.endsWith(".nmconnection")) ?? [];
  for (const name of names.slice(0, MAX_CONNECTIONS)) {
    const word = parseConnection(known(await host.readText(`${directory}/${name}`, MAX_ATTRIBUTE_BYTES)) ?? "");
    if (word !== undefined && words.get(word.interface) !== "yes") words.set(word.interface, word.metered);
  }
  return words;
}
