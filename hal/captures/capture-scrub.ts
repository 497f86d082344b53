import type { CaptureEntry } from "./capture-format.ts";
import { makeStandIns, type StandIns } from "./capture-names.ts";

/** A capture fit to be given away, and which files were left out because no rule says what in them is private. */
export interface Scrubbed {
  readonly dataDirectory: string;
  readonly entries: readonly CaptureEntry[];
  readonly leftOut: readonly string[];
}

/**
 * Takes everything out that tells this machine or its owner from others of the same kind: addresses, serial numbers, names. Every file
 * needs a rule, and one without is left out, so that a new probe gives nothing away before somebody thought about it. Pure.
 */
export function scrubCapture(dataDirectory: string, entries: readonly CaptureEntry[], privateWords: readonly string[]): Scrubbed {
  const standIns = makeStandIns(privateWords);
  const leftOut: string[] = [];
  const kept = entries.flatMap((entry): CaptureEntry[] => {
    const text = scrubText(entry, standIns);
    if (text === undefined) {
      leftOut.push(entry.path);
      return [];
    }
    const path = scrubPath(entry.path, standIns);
    // Why something is missing names its path.
    const why = (): string => standIns.forText(entry.text.replaceAll(entry.path, () => path));
    return [{ ...entry, path, text: entry.outcome === "found" ? text : why() }];
  });
  return { dataDirectory: standIns.forPath(dataDirectory), entries: kept, leftOut: leftOut.sort() };
}

type Rule = (text: string, names: StandIns) => string;

const asItIs: Rule = (text, names) => names.forText(text);
const withoutWords: Rule = (text, names) => names.forText(names.forWords(text));
const nothing: Rule = () => "";

/** The lines that match, and nothing else. */
const keepLines =
  (wanted: RegExp): Rule =>
  (text, names) => {
    const lines = text.split("\n").filter((line) => wanted.test(line));
    return names.forText(names.forWords(lines.map((line) => `${line}\n`).join("")));
  };

/** The first words of programs that are commonly process 1. */
const COMMON_INIT = /^(systemd|init|procd|busybox|runit|openrc-init|dinit|s6-svscan|tini|docker-init|dumb-init|sh|bash|node)$/;

/** By path, the first that matches: what of a file is kept. */
const FILE_RULES: readonly (readonly [RegExp, Rule | "leave out"])[] = [
  [
    /(^|\/)(serial|serial_number|\w*_serial|uuid|\w*_uuid|address|wwid|\w*asset_tag|unique_id|machine-id|hostname|cmdline)$/,
    "leave out",
  ],
  [/^\/proc\/self\/mountinfo$/, scrubMountinfo],
  [
    /^\/proc\/self\/cgroup$/,
    (text, names) => text.replace(/^(\d+:[^:]*:)(.*)$/gm, (_, id, path) => `${id}${names.forPath(path)}`),
  ],
  [/^\/proc\/self\/status$/, keepLines(/^Cpus_allowed/)],
  [/^\/proc\/self\/maps$/, scrubMaps],
  [/^\/proc\/1\/comm$/, (text) => (COMMON_INIT.test(text.trim()) ? text : "init\n")],
  [/^\/proc\/cpuinfo$/, (text, names) => names.forText(text.replace(/^\s*serial\s*(number)?\s*:.*\n?/gim, ""))],
  [/^\/proc\/swaps$/, (text, names) => text.replace(/^\/\S*/gm, (path) => names.forPath(path))],
  [/^\/proc\/net\/route$/, scrubRoutes],
  [/^\/proc\/net\/ipv6_route$/, scrubIpv6Routes],
  [/^\/proc\/(net\/(fib_trie|if_inet6))$/, nothing],
  [/^\/proc\/(meminfo|consoles|mtd|stat|loadavg|mdstat|partitions|filesystems|sys\/kernel\/arch|pressure\/\w+)$/, asItIs],
  [/^\/proc\/sys\/kernel\/osrelease$/, scrubKernelRelease],
  [/^\/proc\/device-tree\/(.*\/)?(compatible|model)$/, asItIs],
  [/^\/etc\/os-release$/, keepLines(/^(PRETTY_NAME|ID|ID_LIKE|VERSION_ID)=/)],
  [/^\/etc\/openwrt_release$/, keepLines(/^DISTRIB_(RELEASE|TARGET|ARCH|ID|REVISION|DESCRIPTION)=/)],
  [/^\/etc\/config\/(network|firewall)$/, scrubUci],
  [/^\/etc\/NetworkManager\/system-connections\//, scrubConnection],
  [/^\/tmp\/sysinfo\/(board_name|model)$/, asItIs],
  [/^\/proc\/driver\/nvidia\/gpus\/[^/]+\/information$/, keepLines(/^Model:/)],
  [/^\/proc\/driver\/nvidia\/version$/, keepLines(/^NVRM version:/)],
  [/^\/etc\/(apk\/repositories\.d\/[^/]+|opkg\/\w+\.conf)$/, scrubFeeds],
  [/^\/run\/(host\/container-manager|systemd\/container|openrc\/softlevel)$/, asItIs],
  [/^\/(\.dockerenv|run\/\.containerenv)$/, nothing],
  [/^\/sys\/firmware\/acpi\/tables\/\w+$/, (text) => text.slice(0, 32)],
  [/^\/sys\/class\/net\/[^/]+\/uevent$/, keepLines(/^DEVTYPE=/)],
  [/^\/sys\/.*\/uevent$/, keepLines(/^(HID_ID|HID_NAME|DRIVER|OF_COMPATIBLE_\w+)=/)],
  [/^\/sys\/.*\/backing_file$/, (text, names) => names.forPath(text)],
  [/^\/sys\/class\/dmi\/id\/((sys|board|bios|chassis)_vendor|(product|board)_(name|version|family)|chassis_type)$/, asItIs],
  [/^\/sys\/class\/dmi\//, "leave out"],
  [/^\/sys\/fs\/cgroup\//, asItIs],
  [/^\/sys\//, withoutWords],
  [/\/(cpu|cpuset|memory|pids|io)\.[a-z_.]+$|\/cpus$/, asItIs],
];

/** What is kept of what was found; undefined where no rule knows the file. */
function scrubText(entry: CaptureEntry, names: StandIns): string | undefined {
  const { ask, path, text } = entry;
  if (ask === "file") {
    const rule = FILE_RULES.find(([pattern]) => pattern.test(path))?.[1];
    return rule === undefined || rule === "leave out" ? undefined : rule(text, names);
  }
  if (ask === "volume") return text.replace(/^.*/, (realPath) => names.forPath(realPath));
  const lines = text.split("\n");
  const isSystem = path.startsWith("/proc/") || (path.startsWith("/sys/") && !path.startsWith("/sys/fs/cgroup"));
  if (path === "/etc/NetworkManager/system-connections") return lines.map((name) => name && names.forName(name)).join("\n");
  // Only that there is such a directory tells anything.
  if (path.startsWith("/run/")) return "";
  if (!isSystem && !path.startsWith("/etc/")) return lines.map((line) => names.forPath(line)).join("\n");
  if (path === "/sys/class/net") return lines.map((name) => name && names.forInterface(name)).join("\n");
  if (ask === "link") return names.forText(/^\/sys\/class\/net\/[^/]+\/master$/.test(path) ? scrubLastPart(text, names) : text);
  return names.forText(text.replace(/^((?:lower|upper)_)(.+)$/gm, (_, kind, name) => `${kind}${names.forInterface(name)}`));
}

function scrubPath(path: string, names: StandIns): string {
  const connection = /^(\/etc\/NetworkManager\/system-connections\/)([^/]+)$/.exec(path);
  if (connection !== null) return `${connection[1]}${names.forName(connection[2] ?? "")}`;
  if (/^\/sys\/fs\/cgroup(\/|$)/.test(path)) return scrubGroupFile(path, names);
  if (path.startsWith("/sys/class/net/")) {
    const parts = path.split("/").map((part, index) => (index === 4 ? names.forInterface(part) : part));
    return names.forText(parts.join("/"));
  }
  // Probes ask for these by names of their own; others come from what they read.
  if (/^\/(proc|sys|etc|run|sbin|usr|lib|bin)(\/|$)|^\/tmp\/sysinfo\/|^\/\.dockerenv$/.test(path)) return names.forText(path);
  return scrubGroupFile(path, names);
}

/** A path whose last part may be a control group's file, which is named alike everywhere. */
function scrubGroupFile(path: string, names: StandIns): string {
  const file = /\/((?:cpu|cpuset|memory|pids|io)\.[a-z_.]+|cpus)$/.exec(path)?.[0] ?? "";
  return `${names.forPath(path.slice(0, path.length - file.length))}${file}`;
}

function scrubLastPart(path: string, names: StandIns): string {
  return path.replace(/[^/]*$/, (name) => names.forInterface(name));
}

/** Words that distributions and the kernel put behind a version; who builds a kernel may put a name there. */
const COMMON_BUILD =
  /^(\d+|amd64|arm64|armhf|armmp|armv7l|aarch64|riscv64|x86|64|i686|lpae|generic|lts|zen|cloud|rt|hwe|oem|lowlatency|azure|aws|gcp|kvm|pve|bpo|deb|ubuntu|standard|microsoft|wsl|rpi|rpt|raspi|v7|v7l|v8|v8l|current|edge|legacy|rockchip|meson|sunxi|mvebu|virt|default|arch|fc|el|amzn|ophub|flippy)\d*$/i;

function scrubKernelRelease(text: string): string {
  const [, version = "", build = ""] = /^([\d.]+)(.*)$/.exec(text.trim()) ?? [];
  const isCommon = build.split(/[-+._]/).every((word) => word === "" || COMMON_BUILD.test(word));
  return `${version}${isCommon ? build : "-own"}\n`;
}

/** The C library among the mapped files tells which it is; addresses and everybody else's paths do not matter. */
function scrubMaps(text: string): string {
  const libraries = text.split("\n").flatMap((line) => /\/((?:ld-musl-|libc\.|ld-linux|ld64)[\w.-]+)$/.exec(line)?.[1] ?? []);
  return [...new Set(libraries)].map((name) => `0-0 r-xp 0 0:0 0 /lib/${name}\n`).join("");
}

const COMMON_MOUNT_OPTION = /^(rw|ro|relatime|noatime|nosuid|nodev|noexec|discard|lazytime|sync|errors=[a-z-]{1,16})$/;

/** Of the options, those that name no place and nobody stay, and where an overlay writes to. */
function scrubMountinfo(text: string, names: StandIns): string {
  return text
    .split("\n")
    .flatMap((line) => {
      const [before = "", after] = line.split(" - ", 2);
      const [id, parent, device, root, mountPoint, options] = before.split(" ");
      const [fileSystem, source = "", superOptions = ""] = after?.split(" ") ?? [];
      if (root === undefined || mountPoint === undefined || options === undefined || fileSystem === undefined) return [];
      const isCommon = fileSystem.startsWith("cgroup") ? /^([a-z_]{2,16}|name=systemd)$/ : COMMON_MOUNT_OPTION;
      const flags = (list: string): string =>
        list
          .split(",")
          .flatMap((option) => {
            if (option.startsWith("upperdir=")) return `upperdir=${escapedPath(option.slice("upperdir=".length), names)}`;
            return isCommon.test(option) ? option : [];
          })
          .join(",");
      const places = `${escapedPath(root, names)} ${escapedPath(mountPoint, names)} ${flags(options)}`;
      return `${id} ${parent} ${device} ${places} - ${fileSystem} ${scrubSource(source, names)} ${flags(superOptions)}\n`;
    })
    .join("");
}

/** What was mounted: a device or a fixed word stays, `server:/share`, a pool's name and the like do not. */
function scrubSource(source: string, names: StandIns): string {
  if (/^(\/\/|[^/]+:\/)/.test(source) && !source.startsWith("overlayfs:")) return "server:/share";
  if (source.startsWith("/")) return escapedPath(source, names);
  const isFixed =
    /^(none|rootfs|overlayfs?(:\/overlay)?|(dev|tmp|sys|ram|squash|devtmp)fs|proc|udev|shm|cgroup2?|mqueue|devpts|ubi\d+[:_]\w+|mtd:\w+)$/;
  return isFixed.test(source) ? source : names.forName(source);
}

/** A path in mountinfo: space, tab, newline and backslash stand there as \040 and so on. */
function escapedPath(path: string, names: StandIns): string {
  const plain = path.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
  return names.forPath(plain).replace(/[\s\\]/g, (char) => `\\${char.charCodeAt(0).toString(8).padStart(3, "0")}`);
}

/** The ways out, without where they lead to. */
function scrubRoutes(text: string, names: StandIns): string {
  return text.replace(/^.*\n?/gm, (line) => {
    const parts = line.trim().split(/\s+/);
    const isDefault = parts[1] === "00000000" && parts[7] === "00000000";
    return isDefault ? `${[names.forInterface(parts[0] ?? ""), parts[1], "00000000", ...parts.slice(3)].join("\t")}\n` : "";
  });
}

function scrubIpv6Routes(text: string, names: StandIns): string {
  const zeros = "0".repeat(32);
  return text.replace(/^.*\n?/gm, (line) => {
    const parts = line.trim().split(/\s+/);
    const isDefault = parts[0] === zeros && parts[1] === "00" && parts.length === 10;
    if (!isDefault) return "";
    const columns = [parts[0], parts[1], zeros, "00", zeros, ...parts.slice(5, 9)];
    return `${columns.join(" ")} ${(names.forInterface(parts[9] ?? "")).padStart(8)}\n`;
  });
}

/** OpenWrt's networks and zones with the options that probes read; everything else in these files is secrets. */
function scrubUci(text: string, names: StandIns): string {
  let isWanted = false;
  return text
    .split("\n")
    .flatMap((line) => {
      const [keyword, first = "", second] = [...line.matchAll(/'([^']*)'|"([^"]*)"|([^\s'"#]+)/g)].map(
        (match) => match[1] ?? match[2] ?? match[3] ?? "",
      );
      const renamed = (value: string): string => value.replace(/[^\s@]+/g, (word) => names.forInterface(word));
      if (keyword === "config") {
        isWanted = first === "interface" || first === "zone";
        return `config ${isWanted ? first : "other"}${isWanted && second !== undefined ? ` '${renamed(second)}'` : ""}\n`;
      }
      if (!isWanted || second === undefined || (keyword !== "option" && keyword !== "list")) return [];
      if (first === "proto") return /^[a-z0-9]{1,16}$/.test(second) ? `\toption proto '${second}'\n` : [];
      return /^(device|ifname|name|network)$/.test(first) ? `\t${keyword} ${first} '${renamed(second)}'\n` : [];
    })
    .join("");
}

/** How many package feeds there are, without whose. */
function scrubFeeds(text: string): string {
  const feeds = text.split("\n").filter((line) => /^\s*[^#\s]/.test(line));
  return feeds.map((line) => (/^\s*src/.test(line) ? "src/gz feed https://feed.example\n" : "https://feed.example\n")).join("");
}

/** Of a NetworkManager connection, whether its interface is metered. */
function scrubConnection(text: string, names: StandIns): string {
  const section = /(?:^|\n)\[connection\]\s*\n([^[]*)/.exec(text)?.[1] ?? "";
  const device = /^interface-name *= *(.*)$/m.exec(section)?.[1];
  const metered = /^metered *= *(\w+)\s*$/m.exec(section)?.[1];
  const lines = [device && `interface-name=${names.forInterface(device.trim())}\n`, metered && `metered=${metered}\n`];
  return `[connection]\n${lines.filter((line) => line !== undefined).join("")}`;
}
