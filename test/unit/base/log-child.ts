import { type LogLevel, makeLog } from "../../../base/index.ts";

/** Writes one line of each kind to standard error. */
const [format = "json", level = "debug"] = process.argv.slice(2);
const log = makeLog({ level: level as LogLevel, format: format as "json" | "text", program: "tester" });
log.debug({}, "no fields");
log.info({ count: 3, big: 2n ** 60n, missing: undefined, none: null, list: [1, "a"], inner: { a: 1 } }, "values");
log.warn({ text: "a b", broken: "line\nbreak \u001b[2J \u202e" }, "texts");
log.error({ error: "why" }, "trouble");
log.child({ part: "inner" }).info({ more: true }, "from a child");
