import * as v from "valibot";
import { decodeToml, failure, type Result, success } from "../base/index.ts";
import { HalError } from "./errors.ts";
import { TIERS } from "./tiers.ts";

/** Lower-case words joined by dashes, dots, commas: device-tree names fit. At most 64 characters, as a descriptor carries it. */
const boardId = v.pipe(v.string(), v.regex(/^[a-z0-9][a-z0-9,._-]{0,63}$/, "expected lower-case letters, digits and , . _ -"));
const words = (max: number) => v.pipe(v.string(), v.minLength(1), v.maxLength(max));
const someOf = <Item extends v.GenericSchema>(item: Item) => v.pipe(v.array(item), v.minLength(1), v.maxLength(64));

export const BOARD_CLASSES = ["router", "sbc", "tv-box", "pc", "server"] as const;

/** Version 1 of what a board's file may say. `boards/README.md` explains every key. */
export const boardSchema = v.strictObject({
  schema: v.literal(1),
  id: boardId,
  match: v.strictObject({
    compatible: v.optional(someOf(words(64))),
    dmi: v.optional(
      v.strictObject({
        vendor: v.optional(words(96)),
        product: v.optional(words(96)),
        chassis_type: v.optional(someOf(v.pipe(v.number(), v.integer(), v.minValue(3), v.maxValue(127)))),
      }),
    ),
    os: v.optional(v.picklist(["openwrt"])),
    arch: v.optional(someOf(words(32))),
  }),
  board: v.strictObject({ name: words(64), class: v.picklist(BOARD_CLASSES) }),
  limits: v.strictObject({
    max_tier: v.picklist(TIERS),
    why: v.optional(words(120)),
    disk_bench: v.optional(v.boolean()),
  }),
});

/** A board profile: which machines it is for, and what they may be at most. It can lower a tier, never raise one. */
export type BoardProfile = v.InferOutput<typeof boardSchema>;

/** What a machine is told apart by. */
export interface BoardTraits {
  /** Device-tree names, the board's own first. */
  readonly compatible: readonly string[];
  readonly dmiVendor: string | undefined;
  readonly dmiProduct: string | undefined;
  readonly chassisType: number | undefined;
  readonly isOpenwrt: boolean;
  readonly arch: string | undefined;
}

/** The profile that was chosen, and the traits that chose it, for people. */
export interface BoardMatch {
  readonly profile: BoardProfile;
  readonly matchedBy: string;
}

/** Reads one board file; `fileName` names it in messages. The error lists every problem, with the line. */
export function decodeBoard(text: string, fileName: string): Result<BoardProfile, HalError> {
  const decoded = decodeToml(text, fileName, boardSchema);
  if (!decoded.ok) return failure(new HalError("board-invalid", decoded.error.join("\n")));
  if (Object.keys(decoded.value.match).length === 0) {
    return failure(new HalError("board-invalid", `${fileName}: [match] is empty; name what tells this board from others`));
  }
  return decoded;
}

/**
 * The most specific profile that matches, undefined where none does. A device-tree name beats DMI, a product beats a vendor, that a
 * chassis type, that an operating system, that an architecture. Two that match equally well are an error of the profiles.
 */
export function matchBoard(traits: BoardTraits, profiles: readonly BoardProfile[]): Result<BoardMatch | undefined, HalError> {
  const matches = profiles.flatMap((profile) => {
    const reasons = matchReasons(traits, profile.match);
    return reasons === undefined ? [] : [{ profile, ...reasons }];
  });
  matches.sort((left, right) => compareRanks(right.ranks, left.ranks));
  const [best, second] = matches;
  if (best === undefined) return success(undefined);
  if (second !== undefined && compareRanks(best.ranks, second.ranks) === 0) {
    const ids = `${best.profile.id} and ${second.profile.id}`;
    return failure(new HalError("board-invalid", `${ids} match this machine equally well; make one of them more specific`));
  }
  return success({ profile: best.profile, matchedBy: best.by.join(", ") });
}

interface MatchReasons {
  /** One number a kind of trait, the most specific kind first; a higher one is more specific. */
  readonly ranks: readonly number[];
  readonly by: readonly string[];
}

/** Every key that a profile gives has to match; of a list, one entry. */
function matchReasons(traits: BoardTraits, match: BoardProfile["match"]): MatchReasons | undefined {
  const { compatible, dmi, os, arch } = match;
  const by: string[] = [];
  // The first name of a device is its own, the later ones are those of its family, so an earlier one is more specific.
  const place = compatible === undefined ? -1 : traits.compatible.findIndex((name) => compatible.includes(name));
  if (compatible !== undefined && place === -1) return undefined;
  if (place !== -1) by.push(`device tree ${traits.compatible[place]}`);
  const required: readonly (readonly [isGiven: boolean, isMet: boolean, text: string])[] = [
    [dmi?.product !== undefined, dmi?.product === traits.dmiProduct, `product ${dmi?.product}`],
    [dmi?.vendor !== undefined, dmi?.vendor === traits.dmiVendor, `vendor ${dmi?.vendor}`],
    [
      dmi?.chassis_type !== undefined,
      traits.chassisType !== undefined && dmi?.chassis_type?.includes(traits.chassisType) === true,
      `chassis type ${traits.chassisType}`,
    ],
    [os !== undefined, traits.isOpenwrt, "OpenWrt"],
    [arch !== undefined, traits.arch !== undefined && arch?.includes(traits.arch) === true, `architecture ${traits.arch}`],
  ];
  if (required.some(([isGiven, isMet]) => isGiven && !isMet)) return undefined;
  const ranks = [place === -1 ? 0 : 1000 - place, ...required.map(([isGiven]) => (isGiven ? 1 : 0))];
  return { ranks, by: [...by, ...required.filter(([isGiven]) => isGiven).map(([, , text]) => text)] };
}

function compareRanks(left: readonly number[], right: readonly number[]): number {
  const differing = left.findIndex((rank, index) => rank !== right[index]);
  return differing === -1 ? 0 : (left[differing] ?? 0) - (right[differing] ?? 0);
}
