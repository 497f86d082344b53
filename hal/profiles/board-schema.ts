import * as v from "valibot";
import { TIERS } from "../tiers/tiers.ts";

/** Lower-case words joined by dashes, dots, commas: device-tree names fit. At most 64 characters, as a descriptor carries it. */
const boardId = v.pipe(v.string(), v.regex(/^[a-z0-9][a-z0-9,._-]{0,63}$/, "expected lower-case letters, digits and , . _ -"));
const words = (max: number) => v.pipe(v.string(), v.minLength(1), v.maxLength(max));
const someOf = <Item extends v.GenericSchema>(item: Item) => v.pipe(v.array(item), v.minLength(1), v.maxLength(64));
const wholeNumber = (min: number, max: number) => v.pipe(v.number(), v.integer(), v.minValue(min), v.maxValue(max));

export const BOARD_CLASSES = ["router", "sbc", "tv-box", "pc", "pc-gpu", "server", "vm", "container"] as const;

/** Programs that can talk to what hangs on a port; a baud rate may follow behind a colon. */
const BRIDGE_DRIVERS = ["smp-console", "smp-raw", "esp-rom", "stk500v1", "an3155", "hf2", "gecko-xmodem"] as const;

const driver = v.pipe(
  v.string(),
  v.check(
    (text) => {
      const [name, baud, ...rest] = text.split(":");
      const isBaud = baud === undefined || (/^[1-9]\d{2,6}$/.test(baud) && Number(baud) <= 4_000_000);
      return BRIDGE_DRIVERS.some((known) => known === name) && isBaud && rest.length === 0;
    },
    `expected one of ${BRIDGE_DRIVERS.join(", ")}, with a baud rate of at most 4000000 behind a colon or without`,
  ),
);

/** Vendor and product of a USB device as `lsusb` prints them. */
const usbId = v.pipe(v.string(), v.regex(/^[0-9a-f]{4}:[0-9a-f]{4}$/, "expected lower-case hexadecimal such as 10c4:ea60"));
const devicePath = v.pipe(v.string(), v.maxLength(96), v.regex(/^\/dev\/[\w./:-]+$/, "expected a path such as /dev/ttyS1"));

const bridgePort = v.strictObject({
  match: v.pipe(
    v.strictObject({
      usb: v.optional(usbId),
      path: v.optional(devicePath),
      tcp: v.optional(
        v.pipe(
          v.string(),
          v.maxLength(128),
          v.regex(/^tcp:\/\/[\w.[\]:-]+:\d{1,5}$/, "expected an address such as tcp://host:6638"),
        ),
      ),
      hid: v.optional(usbId),
    }),
    v.check((match) => Object.keys(match).length === 1, "expected exactly one of usb, path, tcp and hid"),
  ),
  drivers: v.pipe(someOf(driver), v.maxLength(16)),
  reset: v.optional(v.pipe(someOf(v.picklist(["dtr_rts", "baud1200", "none"])), v.maxLength(8))),
  never: v.optional(someOf(devicePath)),
});

const match = v.pipe(
  v.strictObject({
    compatible: v.optional(someOf(v.pipe(words(64), v.regex(/^[\w,.+-]+$/, "expected a name such as glinet,gl-mt3000")))),
    dmi: v.optional(
      v.pipe(
        v.strictObject({
          vendor: v.optional(words(96)),
          product: v.optional(words(96)),
          board: v.optional(someOf(words(96))),
          chassis_type: v.optional(someOf(wholeNumber(3, 127))),
        }),
        v.check(
          (table) => Object.keys(table).length > 0,
          "empty; name a vendor, product, board or chassis_type, or leave it out",
        ),
      ),
    ),
    container: v.optional(v.literal(true)),
    hypervisor: v.optional(someOf(words(64))),
    virtual: v.optional(v.literal(true)),
    os: v.optional(v.picklist(["openwrt"])),
    gpu: v.optional(v.literal(true)),
    arch: v.optional(someOf(words(32))),
  }),
  v.check((table) => Object.keys(table).length > 0, "empty; name what tells this board from others"),
);

const board = v.strictObject({
  name: words(64),
  class: v.picklist(BOARD_CLASSES),
  arch: v.optional(words(32)),
  soc: v.optional(words(64)),
  libc: v.optional(v.picklist(["glibc", "musl"])),
});

const limits = v.strictObject({
  max_tier: v.picklist(TIERS),
  why: v.optional(words(120)),
  ram_reserve_mb: v.optional(wholeNumber(0, 1_048_576)),
  disk_bench: v.optional(v.boolean()),
  cpu_share: v.optional(v.pipe(v.number(), v.minValue(0.01), v.maxValue(1))),
});

const temperature = wholeNumber(20, 125);
const others = {
  storage: v.optional(
    v.strictObject({
      data: v.optional(v.picklist(["any", "usb", "none"])),
      kind: v.optional(v.picklist(["spi-nor", "spi-nand", "nand", "emmc", "sd", "ssd", "nvme", "hdd"])),
      wear_sensitive: v.optional(v.boolean()),
    }),
  ),
  net: v.optional(
    v.strictObject({
      wan: v.optional(v.pipe(v.string(), v.regex(/^[\w.@-]{1,15}$/, "expected auto or the name of an interface"))),
      // A profile may say that a line costs money, never that it does not.
      metered: v.optional(v.picklist(["auto", "yes"])),
    }),
  ),
  thermal: v.optional(
    v.pipe(
      v.strictObject({
        // The kernel's THERMAL_NAME_LENGTH.
        zone: v.optional(words(20)),
        soft_c: v.optional(temperature),
        hard_c: v.optional(temperature),
      }),
      v.check(({ soft_c = 0, hard_c = 126 }) => soft_c < hard_c, "soft_c has to be lower than hard_c"),
    ),
  ),
  bridge: v.optional(v.strictObject({ port: v.pipe(v.array(bridgePort), v.minLength(1), v.maxLength(32)) })),
};

const head = {
  schema: v.literal(1),
  id: boardId,
  base: v.optional(boardId),
  sources: v.optional(v.pipe(v.array(words(200)), v.minLength(1), v.maxLength(16))),
  match,
};

/** Version 1 of what a board's file may say. `boards/README.md` explains every key. */
export const boardSchema = v.strictObject({ ...head, board, limits, ...others });

/** The same for a file with `base`: what it leaves out comes from there. */
export const childSchema = v.strictObject({
  ...head,
  board: v.optional(v.partial(board)),
  limits: v.optional(v.partial(limits)),
  ...others,
});

/** A board profile: which machines it is for, and what they may be at most. It can lower a tier, never raise one. */
export type BoardProfile = v.InferOutput<typeof boardSchema> & {
  /** The file that it was read from. */
  readonly file?: string;
  /** It is one of the owner's, so no reason to allow more than those that ship. */
  readonly isOwners?: true;
};
