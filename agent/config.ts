import * as v from "valibot";
import {
  decodeToml,
  failure,
  LOG_LEVELS,
  parseBitsPerSecond,
  parseByteCount,
  QUANTITY_FORMS,
  type Result,
  success,
  type TomlProblem,
} from "../base/index.ts";
import { NETWORK_NAME, parseId, TIERS } from "../protocol/index.ts";

/** A quiet time of day, in minutes since local midnight; `from` may be later than `to`, across midnight. */
export interface QuietHours {
  readonly fromMinute: number;
  readonly toMinute: number;
  /** As the owner wrote it. */
  readonly text: string;
}

const byteCount = amountOf(parseByteCount, QUANTITY_FORMS.bytes);
const bitRate = amountOf(parseBitsPerSecond, QUANTITY_FORMS.rate);
const nonEmpty = v.pipe(v.string(), v.minLength(1), v.maxLength(4096));

const quietHours = v.pipe(
  v.string(),
  v.check((text) => parseQuietHours(text) !== undefined, 'expected two different times of day such as "22:00-07:00"'),
  v.transform(parseQuietHours),
);

const nodeId = v.pipe(
  v.string(),
  v.check((text) => parseId(text).ok, "expected an id that starts with bxn1; a character of this one is wrong"),
  v.transform((text) => {
    const parsed = parseId(text);
    return parsed.ok ? parsed.value : new Uint8Array();
  }),
);

/** What the owner lends. An absent limit is the machine's own. */
const limitsSchema = v.strictObject({
  max_tier: v.optional(v.picklist(TIERS)),
  kinds: v.optional(v.array(v.picklist(["measure", "store", "compute"])), ["measure", "store", "compute"]),
  cpu_share: v.optional(v.pipe(v.number(), v.minValue(0.01, "at least 0.01"), v.maxValue(1, "at most 1 (all cores)")), 0.5),
  memory: v.optional(byteCount),
  disk: v.optional(byteCount),
  up: v.optional(bitRate),
  down: v.optional(bitRate),
  bytes_per_day: v.optional(byteCount),
  quiet_hours: v.optional(quietHours),
});

/** The owner's consent to measure the network, and against what. */
const bandwidthSchema = v.pipe(
  v.strictObject({
    consent: v.optional(v.boolean(), false),
    endpoint: v.optional(nonEmpty),
    token_file: v.optional(nonEmpty),
    bytes: v.optional(byteCount, "25MB"),
    allow_metered: v.optional(v.boolean(), false),
  }),
  v.check(
    ({ consent, endpoint, token_file }) => !consent || (endpoint !== undefined && token_file !== undefined),
    "consent needs an endpoint and a token_file to measure against",
  ),
);

const configSchema = v.strictObject({
  state_dir: v.optional(nonEmpty, "/var/lib/bonusnode"),
  log_level: v.optional(v.picklist(LOG_LEVELS), "info"),
  network: v.strictObject({
    name: v.pipe(v.string(), v.regex(NETWORK_NAME, "lower-case letters, digits, dot and dash, at most 63 of them")),
    bookkeepers: v.pipe(v.array(nodeId), v.minLength(1, "name at least one bookkeeper to trust"), v.maxLength(32)),
    allow_private_targets: v.optional(v.boolean(), false),
  }),
  broker: v.strictObject({
    url: nonEmpty,
    ca_file: v.optional(nonEmpty),
    certificate_file: v.optional(nonEmpty),
    username: v.optional(nonEmpty),
    password_file: v.optional(nonEmpty),
  }),
  limits: v.optional(limitsSchema, {}),
  bandwidth: v.optional(bandwidthSchema, {}),
  metrics: v.optional(
    v.strictObject({
      enabled: v.optional(v.boolean()),
      port: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(65_535)), 9464),
    }),
    {},
  ),
});

/** The agent's configuration. */
export type AgentConfig = v.InferOutput<typeof configSchema>;
/** The part of it that SIGHUP reads again. */
export type OwnerLimits = AgentConfig["limits"];

/** Reads a configuration file's text; each problem names the file, the line, the key and what is allowed. */
export function parseAgentConfig(text: string, fileName: string): Result<AgentConfig, readonly TomlProblem[]> {
  const decoded = decodeToml(text, fileName, configSchema);
  if (!decoded.ok) return failure(decoded.error);
  return success(decoded.value);
}

/** Whether the local minute of the day lies in the owner's quiet time. */
export function isQuiet(hours: QuietHours | undefined, minuteOfDay: number): boolean {
  if (hours === undefined) return false;
  const { fromMinute, toMinute } = hours;
  if (fromMinute <= toMinute) return minuteOfDay >= fromMinute && minuteOfDay < toMinute;
  return minuteOfDay >= fromMinute || minuteOfDay < toMinute;
}

function amountOf(parse: (text: string) => number | undefined, form: string) {
  return v.pipe(
    v.string(),
    v.check((text) => parse(text) !== undefined, `expected ${form}`),
    v.transform((text) => parse(text) ?? 0),
  );
}

function parseQuietHours(text: string): QuietHours | undefined {
  const match = /^(\d\d):(\d\d)-(\d\d):(\d\d)$/.exec(text);
  if (match === null) return undefined;
  const [fromHour = 0, from = 0, toHour = 0, to = 0] = match.slice(1).map(Number);
  if (fromHour > 23 || toHour > 23 || from > 59 || to > 59) return undefined;
  const [fromMinute, toMinute] = [fromHour * 60 + from, toHour * 60 + to];
  // Equal times would mean all day to one reader and never to the next.
  return fromMinute === toMinute ? undefined : { fromMinute, toMinute, text };
}
