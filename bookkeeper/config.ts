import * as v from "valibot";
import { decodeToml, LOG_LEVELS, type Result, type TomlProblem } from "../base/index.ts";
import { NETWORK_NAME } from "../protocol/index.ts";

const nonEmpty = v.pipe(v.string(), v.minLength(1), v.maxLength(4096));
const share = v.pipe(v.number(), v.minValue(0), v.maxValue(1));

const configSchema = v.strictObject({
  state_dir: v.optional(nonEmpty, "/var/lib/bonusnode-bookkeeper"),
  log_level: v.optional(v.picklist(LOG_LEVELS), "info"),
  network: v.strictObject({
    name: v.pipe(v.string(), v.regex(NETWORK_NAME, "lower-case letters, digits, dot and dash, at most 63 of them")),
  }),
  broker: v.strictObject({
    url: nonEmpty,
    ca_file: v.optional(nonEmpty),
    certificate_file: v.optional(nonEmpty),
    username: v.optional(nonEmpty),
    password_file: v.optional(nonEmpty),
    share_group: v.optional(
      v.pipe(v.string(), v.regex(/^[a-z0-9-]{1,32}$/, "lower-case letters, digits and dashes, at most 32 of them")),
    ),
  }),
  plan: v.strictObject({ file: nonEmpty }),
  policy: v.optional(v.strictObject({ file: v.optional(nonEmpty) }), {}),
  verify: v.optional(v.strictObject({ recheck_share: v.optional(share, 0.05) }), {}),
  blobs: v.optional(
    v.strictObject({
      host: v.optional(nonEmpty, "127.0.0.1"),
      port: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(65_535)),
      public_url: v.optional(nonEmpty),
    }),
  ),
});

/** The bookkeeper's configuration. */
export type BookkeeperConfig = v.InferOutput<typeof configSchema>;

/** Reads a configuration file's text; each problem names the file, the line, the key and what is allowed. */
export function parseBookkeeperConfig(text: string, fileName: string): Result<BookkeeperConfig, readonly TomlProblem[]> {
  return decodeToml(text, fileName, configSchema);
}
