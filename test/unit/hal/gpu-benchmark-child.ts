import { writeSync } from "node:fs";

/** A measuring process of the GPU as bad drivers make them: `crash`, `hang`, `garbage`, `flood`, or an argument that it prints. */
const [behaviour = "", budgetMs] = process.argv.slice(2);
switch (behaviour) {
  case "crash":
    process.kill(process.pid, "SIGSEGV");
    break;
  case "hang":
    // Until it is killed, or its parent is gone and nothing takes what it says.
    setInterval(() => undefined, 1000);
    break;
  case "garbage":
    writeSync(1, Buffer.from([0xff, 0x00, 0x7b, 0x0a, 0x7b, 0x7d, 0x0a, 0x6e, 0x75, 0x6c, 0x6c]));
    break;
  case "flood":
    writeSync(1, `{${"x".repeat(300_000)}\n{"kind":"no-adapter"}\n`);
    break;
  case "budget":
    writeSync(
      1,
      `${JSON.stringify({ kind: "failed", why: `asked for ${budgetMs}, ${Object.keys(process.env).sort().join(" ")}` })}\n`,
    );
    break;
  default:
    writeSync(1, `Warning: a driver talks\n${behaviour}\nand says goodbye\n`);
}
