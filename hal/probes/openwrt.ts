/**
 * What an OpenWrt router says of its system, from the files that `ubus call system board` answers out of: /etc/openwrt_release of
 * base-files, the mounts, and the lists of package feeds. No program is started. Board and model are the board probe's.
 */
import type { Host } from "../host.ts";
import { MAX_ATTRIBUTE_BYTES } from "../limits.ts";
import { known } from "../probe-result.ts";
import { mountOf, readMounts } from "./mounts.ts";
import { parseShellVariables } from "./shell-variables.ts";
import { cleanText } from "./text.ts";

/** The release. What is undefined is not told. */
export interface OpenwrtRelease {
  /** `OpenWrt`, or the name of one made from it. */
  readonly distribution: string | undefined;
  readonly release: string | undefined;
  /** The state of the sources, such as `r28427-6df0e3d02a`. */
  readonly revision: string | undefined;
  /** Target and subtarget, such as `mediatek/filogic`. */
  readonly target: string | undefined;
  /** What packages are built for, such as `aarch64_cortex-a53`; finer than the CPU's architecture. */
  readonly packageArchitecture: string | undefined;
  /** Name and release for people. */
  readonly description: string | undefined;
}

/** How packages come here. */
export interface OpenwrtPackages {
  /** `apk` in releases after 24.10. */
  readonly manager: "opkg" | "apk";
  /** Feeds of the maker and of the owner; their addresses are not kept. */
  readonly feeds: number;
  readonly ownFeeds: number;
}

/** An OpenWrt system. */
export interface OpenwrtFacts extends OpenwrtRelease {
  /** File system of the image that the system starts from: `squashfs`, or `ext4` where the root is written to itself. */
  readonly imageFileSystem: string | undefined;
  /** Undefined where no list of feeds is there. */
  readonly packages: OpenwrtPackages | undefined;
}

/** Reads the system; undefined where it is not OpenWrt. */
export async function readOpenwrt(host: Host): Promise<OpenwrtFacts | undefined> {
  const release = known(await host.readText("/etc/openwrt_release", MAX_ATTRIBUTE_BYTES));
  if (release === undefined || release.trim() === "") return undefined;
  const mounts = known(await readMounts(host)) ?? [];
  // The image lies at /rom below the overlay; without one it is the root itself.
  const image = mounts.find((mount) => mount.mountPoint === "/rom") ?? mountOf("/", mounts);
  return { ...parseOpenwrtRelease(release), imageFileSystem: cleanText(image?.fileSystem), packages: await readPackages(host) };
}

/** What /etc/openwrt_release says (shell variables). */
export function parseOpenwrtRelease(text: string): OpenwrtRelease {
  const variables = parseShellVariables(text);
  const told = (name: string): string | undefined => cleanText(variables.get(`DISTRIB_${name}`));
  return {
    distribution: told("ID"),
    release: told("RELEASE"),
    revision: told("REVISION"),
    target: told("TARGET"),
    packageArchitecture: told("ARCH"),
    description: told("DESCRIPTION"),
  };
}

/** Feeds in a list of opkg (`src/gz name address`) or of apk (one address a line). */
export function countFeeds(text: string, manager: OpenwrtPackages["manager"]): number {
  const feed = manager === "opkg" ? /^\s*src(\/gz)?\s+\S+\s+\S+/ : /^\s*[^#\s]/;
  return text.split("\n").filter((line) => feed.test(line)).length;
}

/** A system that was upgraded may still hold opkg's lists, so apk's come first. */
async function readPackages(host: Host): Promise<OpenwrtPackages | undefined> {
  const read = async (path: string): Promise<string | undefined> => known(await host.readText(path, MAX_ATTRIBUTE_BYTES));
  const lists = known(await host.list("/etc/apk/repositories.d"))?.filter((name) => /^[\w.-]{1,64}\.list$/.test(name));
  if (lists !== undefined) {
    const counts = { feeds: 0, ownFeeds: 0 };
    for (const name of lists.slice(0, 32)) {
      const count = countFeeds((await read(`/etc/apk/repositories.d/${name}`)) ?? "", "apk");
      counts[name === "distfeeds.list" ? "feeds" : "ownFeeds"] += count;
    }
    return { manager: "apk", ...counts };
  }
  const feeds = await read("/etc/opkg/distfeeds.conf");
  const ownFeeds = await read("/etc/opkg/customfeeds.conf");
  if (feeds === undefined && ownFeeds === undefined) return undefined;
  return { manager: "opkg", feeds: countFeeds(feeds ?? "", "opkg"), ownFeeds: countFeeds(ownFeeds ?? "", "opkg") };
}
