import { isIPv6 } from "node:net";

/**
 * Takes the place of names and numbers that belong to one machine or its owner. The same one always gets the same stand-in of the
 * same shape, so that what was equal stays equal and what was below something stays below it.
 */
export interface StandIns {
  /** Hardware and network addresses, UUIDs and long hexadecimal numbers in any text. */
  readonly forText: (text: string) => string;
  /** A path: directories that are not common ones too. */
  readonly forPath: (path: string) => string;
  /** The name of a network interface, or what an owner named after one. */
  readonly forInterface: (name: string) => string;
  /** Anything else that an owner may have named. */
  readonly forName: (name: string) => string;
  /** A text in which words of the owner's may occur: the names of the machine and its users. */
  readonly forWords: (text: string) => string;
}

/** Directories that are named alike on all machines. */
const COMMON_DIRECTORIES: ReadonlySet<string> = new Set(
  "bin block boot bonusnode busybox cgroup config containers data dev diff debug docker efi etc firmware fs hugepages home init kernel lib lib64 local log media merged mnt mqueue pts openrc-init opt overlay overlay2 proc rom root run sbin share security shm snap srv storage sys tmp tracing unified upper user usr var work work0".split(
    " ",
  ),
);

/** Files of block devices and flash. */
const DEVICE =
  /^((sd|vd|xvd|hd|nbd)[a-z]{1,3}\d*|nvme\d+n\d+(p\d+)?|mmcblk\d+(p\d+|boot\d)?|mtd(block)?\d+|ubi(block)?\d+(_\d+)?|(zram|dm-|md|loop|sr)\d+|mapper|disk|by-\w+)$/;

/** Control groups that systems and container engines make. */
const COMMON_GROUP =
  /^(\.\.|cpu|cpuacct|cpuset|memory|cpu,cpuacct|blkio|devices|freezer|pids|net_cls|net_prio|net_cls,net_prio|perf_event|hugetlb|rdma|misc|systemd|lxc|kubepods|besteffort|burstable|guaranteed|containerd|services|procd|(system|user|machine|init|app|session|background)\.(slice|scope)|user-\d+\.slice|user@\d+\.service|session-c?\d+\.scope|((docker|libpod|cri-containerd|crio)-)?[0-9a-f]{32,64}(\.scope)?|kubepods(-besteffort|-burstable)?(-pod[0-9a-f_-]{32,36})?\.slice|pod[0-9a-f-]{36})$/;

/** Interfaces named by the kernel or by systems; what follows the stem counts up, or says where it is plugged in. */
const COMMON_INTERFACE =
  /^(lo|guest|iot|dmz|loopback|globals|(br-)?w?w?(lan|wan)[0-9b]?(_[46])?|(eth|wlan|usb|wwan|ppp|br|docker|tun|tap|wg|bond|team|dummy|sit|tunl|gre|gretap|erspan|ip6tnl|ip6gre|ip_vti|ip6_vti|ifb|can|rmnet|radio|virbr|vnet|lxcbr|lxdbr|phy|(en|wl|ww)[opsPd])\d+([a-z]{1,3}\d+)*(-[a-z]{0,4}\d+)*|br-[0-9a-f]{12}|veth[0-9a-f]{6,11}|(en|wl|ww)x[0-9a-f]{12})$/;

/** Makes stand-ins. `privateWords` are the names of the machine and of its users, where they are known. */
export function makeStandIns(privateWords: readonly string[]): StandIns {
  const numbers = new Map<string, number>();
  const counts = new Map<string, number>();
  const numberFor = (kind: string, secret: string): number => {
    const key = `${kind} ${secret.toLowerCase()}`;
    const number = numbers.get(key) ?? (counts.get(kind) ?? 0) + 1;
    if (!numbers.has(key)) counts.set(kind, number);
    numbers.set(key, number);
    return number;
  };
  const hex = (secret: string, kind: string): string => {
    const digits = numberFor(kind, secret).toString(16);
    return digits.padStart(secret.replace(/[^0-9a-f]/gi, "").length, "0");
  };
  const shaped = (secret: string, kind: string): string => {
    const digits = [...hex(secret, kind)];
    return secret.replace(/[0-9a-f]/gi, () => digits.shift() ?? "0");
  };
  const forText = (text: string): string =>
    text
      .replace(/(?<![0-9a-z])[0-9a-f]{8}([-_][0-9a-f]{4}){3}[-_][0-9a-f]{12}(?![0-9a-z])/gi, (uuid) => shaped(uuid, "hex"))
      .replace(/(?<![0-9a-z:])([0-9a-f]{2}[:-]){5,19}[0-9a-f]{2}(?![0-9a-z:])/gi, (address) => shaped(address, "hex"))
      .replace(/(?<=(?<![0-9a-z])(?:en|wl|ww)x)[0-9a-f]{12}(?![0-9a-z])/gi, (address) => hex(address, "hex"))
      .replace(/(?<=(?<![0-9a-z])(?:0x)?)(?=\d*[a-f])(?=[a-f]*\d)[0-9a-f]{12,128}(?![0-9a-z])/gi, (number) => hex(number, "hex"))
      .replace(/(?<![\w.:-])(25[0-5]|2[0-4]\d|1?\d?\d)(\.(25[0-5]|2[0-4]\d|1?\d?\d)){3}(?![\w-]|\.\d)/g, (address) =>
        isCommonAddress(address) ? address : `192.0.2.${numberFor("ipv4", address) % 255}`,
      )
      .replace(/(?<![\w:])[0-9a-f:]{3,39}(?![\w:])/gi, (address) =>
        isIPv6(address) && !/^:?:1?$/.test(address) ? `2001:db8::${numberFor("ipv6", address).toString(16)}` : address,
      );
  const forName = (name: string): string => {
    const suffix = /\.(slice|scope|service|mount|nmconnection)$/.exec(name)?.[0] ?? "";
    return `name-${numberFor("name", name)}${suffix}`;
  };
  const forPart = (part: string): string => {
    const payload = /^lxc\.payload\.(.+)$/.exec(part)?.[1];
    if (payload !== undefined) return `lxc.payload.${forName(payload)}`;
    const isCommon = part === "" || COMMON_DIRECTORIES.has(part) || DEVICE.test(part) || COMMON_GROUP.test(part);
    return isCommon ? forText(part) : forName(part);
  };
  return {
    forText,
    forName,
    forPath: (path) => path.split("/").map(forPart).join("/"),
    forInterface: (name) => {
      const [, stem = "", tag = ""] = /^([^.:@]*)([.:@]\d{1,4})?$/.exec(name) ?? [];
      return COMMON_INTERFACE.test(stem) ? forText(name) : `net${numberFor("interface", name)}${tag}`;
    },
    forWords: (text) => {
      const words = privateWords.filter((word) => word.length > 2).map(literal);
      if (words.length === 0) return text;
      return text.replace(new RegExp(`(?<![\\p{L}\\p{N}])(${words.join("|")})(?![\\p{L}\\p{N}])`, "giu"), "private");
    },
  };
}

function isCommonAddress(address: string): boolean {
  return /^(127\.|0\.0\.0\.0$|255\.255\.)/.test(address);
}

/** A word as a pattern that matches it and nothing else. A backslash before a dash is no pattern of Unicode's. */
function literal(word: string): string {
  return word.replace(/[^\p{L}\p{N}]/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
}
