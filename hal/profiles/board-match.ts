import { failure, type Result, success } from "../../base/index.ts";
import { HalError } from "../errors.ts";
import { TIER_WITHOUT_PROFILE } from "../tiers/policy.ts";
import { lowerTier } from "../tiers/tiers.ts";
import type { BoardProfile } from "./board-schema.ts";

/** What a machine is told apart by. */
export interface BoardTraits {
  /** Device-tree names, the board's own first. */
  readonly compatible: readonly string[];
  readonly dmiVendor: string | undefined;
  readonly dmiProduct: string | undefined;
  /** Name of the main board. */
  readonly dmiBoard: string | undefined;
  readonly chassisType: number | undefined;
  readonly isContainer: boolean;
  readonly hypervisor: string | undefined;
  readonly isVirtual: boolean;
  readonly isOpenwrt: boolean;
  /** There is a graphics processor that work could run on. */
  readonly hasGpu: boolean;
  readonly arch: string | undefined;
}

/** The profile that was chosen, and the traits that chose it, for people. */
export interface BoardMatch {
  /** With every limit that another profile puts on it. */
  readonly profile: BoardProfile;
  readonly matchedBy: string;
  /** Ids of the profiles whose limits were lower than the chosen one's. */
  readonly loweredBy?: readonly string[];
}

/**
 * The most specific profile that matches, undefined where none does; `boards/README.md` has the order. An owner's profile goes before
 * one that ships with the program where both are as specific or have the same id, but keeps the limits of the best one that ships. A
 * profile for containers or virtual machines that matches limits whichever is chosen. Two that match equally well are an error.
 */
export function matchBoard(traits: BoardTraits, profiles: readonly BoardProfile[]): Result<BoardMatch | undefined, HalError> {
  const matches = profiles.flatMap((profile) => {
    const reasons = matchReasons(traits, profile);
    return reasons === undefined ? [] : [{ profile, ...reasons }];
  });
  const shipped = mostSpecific(matches.filter(({ profile }) => profile.isOwners === undefined));
  if (!shipped.ok) return shipped;
  const owned = new Set(profiles.filter(({ isOwners }) => isOwners).map(({ id }) => id));
  const best = mostSpecific(matches.filter(({ profile }) => profile.isOwners === true || !owned.has(profile.id)));
  if (!best.ok) return best;
  if (best.value === undefined) return success(undefined);
  const { profile, by } = best.value;
  const matched = { profile, matchedBy: by.join(", ") };
  const others = matches.map((match) => match.profile).filter((other) => other !== profile && isCircumstance(other));
  // Not the owner's only: one of his may have taken the place of the best, and left it to one that allows more.
  if (shipped.value?.profile !== profile) others.unshift(shipped.value?.profile ?? { ...profile, ...NOTHING_SHIPPED });
  return success(others.reduce(lowerMatch, matched));
}

/** The match with its tier held at that of a device without profiles, for a reason that is told to the owner. */
export function holdBack(match: BoardMatch, why: string): BoardMatch {
  const limits = { ...match.profile.limits, max_tier: TIER_WITHOUT_PROFILE, why };
  return { ...match, profile: { ...match.profile, limits } };
}

const NOTHING_SHIPPED = {
  id: "no shipped profile",
  limits: {
    max_tier: TIER_WITHOUT_PROFILE,
    why: "No profile that ships with the program matches, and the owner's cannot raise.",
  },
};

/** Where a program runs rather than on what: it limits what the board's own profile allows. */
function isCircumstance({ match }: BoardProfile): boolean {
  return match.container !== undefined || match.virtual !== undefined || match.hypervisor !== undefined;
}

function lowerMatch(match: BoardMatch, other: BoardProfile): BoardMatch {
  const { profile } = match;
  const { limits } = profile;
  const maxTier = lowerTier(limits.max_tier, other.limits.max_tier);
  const reserve = Math.max(limits.ram_reserve_mb ?? 0, other.limits.ram_reserve_mb ?? 0);
  const share = Math.min(limits.cpu_share ?? 1, other.limits.cpu_share ?? 1);
  const lowered: BoardProfile = {
    ...profile,
    limits: {
      ...limits,
      max_tier: maxTier,
      ...(maxTier === limits.max_tier ? {} : { why: other.limits.why ?? `The profile ${other.id} allows no more.` }),
      ...(reserve === 0 ? {} : { ram_reserve_mb: reserve }),
      ...(share === 1 ? {} : { cpu_share: share }),
      ...(other.limits.disk_bench === false ? { disk_bench: false } : {}),
    },
    ...(other.net?.metered === "yes" ? { net: { ...profile.net, metered: "yes" } } : {}),
    ...(other.storage?.wear_sensitive === true ? { storage: { ...profile.storage, wear_sensitive: true } } : {}),
  };
  return maxTier === limits.max_tier
    ? { ...match, profile: lowered }
    : { ...match, profile: lowered, loweredBy: [...(match.loweredBy ?? []), other.id] };
}

/** Whether there can be a machine that two profiles match equally well: they ask the same kinds of things, and agree in each. Pure. */
export function canTie(left: BoardProfile, right: BoardProfile): boolean {
  const [mine, others] = [left, right].map(({ match: { dmi = {}, ...match } }) => Object.entries({ ...match, ...dmi }));
  if (mine === undefined || others === undefined || mine.length !== others.length) return false;
  const theirs = new Map<string, unknown>(others);
  return mine.every(([key, value]) => [value].flat().some((each) => [theirs.get(key)].flat().includes(each)));
}

interface Match {
  readonly profile: BoardProfile;
  /** One number a kind of trait, the most specific kind first; a higher one is more specific. */
  readonly ranks: readonly number[];
  readonly by: readonly string[];
}

function mostSpecific(matches: readonly Match[]): Result<Match | undefined, HalError> {
  const [best, second] = matches.toSorted((left, right) => compareRanks(right.ranks, left.ranks));
  if (best !== undefined && second !== undefined && compareRanks(best.ranks, second.ranks) === 0) {
    const names = [best, second].map(({ profile }) => profile.file ?? profile.id).sort();
    const message = `${names.join(" and ")} match this machine equally well; make one of them more specific`;
    return failure(new HalError("board-invalid", message));
  }
  return success(best);
}

/** Every key that a profile gives has to match; of a list, one entry. */
function matchReasons(traits: BoardTraits, { match, isOwners }: BoardProfile): Omit<Match, "profile"> | undefined {
  const { compatible, dmi, container, hypervisor, virtual, os, gpu, arch } = match;
  // The first name of a device is its own, the later ones are those of its family, so an earlier one is more specific.
  const place = compatible === undefined ? -1 : traits.compatible.findIndex((name) => compatible.includes(name));
  if (compatible !== undefined && place === -1) return undefined;
  const required: readonly (readonly [given: unknown, isMet: boolean, text: string])[] = [
    [dmi?.product, dmi?.product === traits.dmiProduct, `product ${dmi?.product}`],
    [dmi?.board, isOneOf(traits.dmiBoard, dmi?.board), `main board ${traits.dmiBoard}`],
    [container, traits.isContainer, "container"],
    [hypervisor, traits.isVirtual && isOneOf(traits.hypervisor, hypervisor), `hypervisor ${traits.hypervisor}`],
    [virtual, traits.isVirtual, "virtual machine"],
    [dmi?.vendor, dmi?.vendor === traits.dmiVendor, `vendor ${dmi?.vendor}`],
    [dmi?.chassis_type, isOneOf(traits.chassisType, dmi?.chassis_type), `chassis type ${traits.chassisType}`],
    [os, traits.isOpenwrt, "OpenWrt"],
    [gpu, traits.hasGpu, "graphics processor"],
    [arch, isOneOf(traits.arch, arch), `architecture ${traits.arch}`],
  ];
  const given = required.filter(([key]) => key !== undefined);
  if (given.some(([, isMet]) => !isMet)) return undefined;
  const ranks = [place === -1 ? 0 : 1000 - place, ...required.map(([key]) => (key === undefined ? 0 : 1)), isOwners ? 1 : 0];
  const by = place === -1 ? [] : [`device tree ${traits.compatible[place]}`];
  return { ranks, by: [...by, ...given.map(([, , text]) => text)] };
}

function isOneOf<Value>(value: Value | undefined, list: readonly Value[] | undefined): boolean {
  return value !== undefined && list?.includes(value) === true;
}

function compareRanks(left: readonly number[], right: readonly number[]): number {
  const differing = left.findIndex((rank, index) => rank !== right[index]);
  return differing === -1 ? 0 : (left[differing] ?? 0) - (right[differing] ?? 0);
}
