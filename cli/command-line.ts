import { Command, CommanderError } from "commander";
import { BaseError } from "../base/index.ts";
import { EXIT, EXIT_CODE_HELP } from "./exit-codes.ts";
import type { ServeBandwidthOptions } from "./serve-bandwidth.ts";
import { formatTable } from "./table.ts";
import { makeVerb, untilStopped, type Verb, type World } from "./world.ts";

const AGENT_CONFIG = "/etc/bonusnode/config.toml";
const BOOKKEEPER_CONFIG = "/etc/bonusnode/bookkeeper.toml";

const EPILOGUE = `
Examples:
  bonusnode up                          see everything work on this machine; Ctrl-C ends
  bonusnode probe                       what this machine is, and its tier
  bonusnode agent --config my.toml      lend this device
  bonusnode status                      what this device does and earns

Environment:
  BONUSNODE_STATE_DIR                   state directory, before the configuration and after --state-dir
  NO_COLOR                              no colours

Exit codes:
${formatTable(
  EXIT_CODE_HELP.map(([code, meaning]) => [code, meaning]),
  { indent: 2, alignRight: [0] },
)}
`;

const SERVE_BANDWIDTH_EXAMPLES = `
Examples:
  head -c 24 /dev/urandom | base64 > bandwidth.token       a token; give it to each device
  bonusnode serve-bandwidth --token-file bandwidth.token
  bonusnode serve-bandwidth --token-file bandwidth.token --listen 192.0.2.7:7410 --byte-cap 250MB
`;

/** Reads a command line, runs its verb and answers the exit code. */
export async function runCommandLine(world: World): Promise<number> {
  let exitCode: number = EXIT.ok;
  const program = new Command("bonusnode");
  const run =
    <Args extends unknown[]>(work: (verb: Verb, ...args: Args) => Promise<number>) =>
    async (...args: unknown[]): Promise<void> => {
      const verb = makeVerb(world, program.opts<{ quiet?: boolean }>().quiet === true);
      exitCode = await work(verb, ...(args as Args));
    };
  program
    .description("Lends this device's idle CPU, disk and bandwidth to BonusCloud, and proves the work.")
    .version(world.version, "-V, --version", "print the version")
    .option("-q, --quiet", "say only what was asked for")
    .helpOption("-h, --help", "show this help; also after a verb")
    .addHelpText("after", EPILOGUE)
    .exitOverride()
    .configureOutput({ writeOut: (text) => world.stdout.write(text), writeErr: (text) => world.stderr.write(text) })
    .showSuggestionAfterError()
    .showHelpAfterError("(bonusnode help shows what there is)");
  addPrograms(program, run);
  addDeviceVerbs(program, run);
  addBookVerbs(program, run);
  try {
    await program.parseAsync([...world.argv], { from: "user" });
    return exitCode;
  } catch (thrown) {
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? EXIT.ok : EXIT.usage;
    // What a verb could not foresee, such as a ledger that turns out to be damaged in the middle: its message says what is wrong.
    if (!(thrown instanceof BaseError)) throw thrown;
    world.stderr.write(`${thrown.message}\n`);
    return EXIT.failure;
  }
}

type Run = <Args extends unknown[]>(
  work: (verb: Verb, ...args: Args) => Promise<number>,
) => (...args: unknown[]) => Promise<void>;

function addPrograms(program: Command, run: Run): void {
  program
    .command("up")
    .summary("run a broker, a bookkeeper and an agent here, to see everything work")
    .description(
      "Runs an embedded broker, a bookkeeper and an agent on this machine, with a small plan, in a state directory of their own.",
    )
    .option("--for <time>", "end after this long; succeed only if a proof of each kind was accepted")
    .option("--json", "one JSON event a line; the first names the broker and the network")
    .option("--port <port>", "the broker's port on loopback (default: any free one)")
    .option("--state-dir <dir>", "where everything is kept (default: ~/.local/state/bonusnode-up)")
    .action(run(async (verb, options: object) => (await import("./up.ts")).runUpVerb(options, verb)));
  program
    .command("agent")
    .summary("lend this device")
    .description("Runs the agent until it is stopped. SIGHUP takes the owner's limits from the configuration anew.")
    .option("-c, --config <file>", "configuration", AGENT_CONFIG)
    .option("--state-dir <dir>", "state directory, before BONUSNODE_STATE_DIR and the configuration")
    .option("--log-level <level>", "debug, info, warn, error or silent")
    .option("--json", "events as JSON lines on standard output")
    .action(run(async (verb, options: { config: string }) => (await import("./agent.ts")).runAgentVerb(options, verb)));
  program
    .command("bookkeeper")
    .summary("check what agents claim, and keep the accounts")
    .description("Runs the bookkeeper until it is stopped.")
    .option("-c, --config <file>", "configuration", BOOKKEEPER_CONFIG)
    .option("--state-dir <dir>", "state directory, before BONUSNODE_STATE_DIR and the configuration")
    .option("--log-level <level>", "debug, info, warn, error or silent")
    .option("--json", "events as JSON lines on standard output")
    .action(run(async (verb, options: { config: string }) => (await import("./bookkeeper.ts")).runBookkeeperVerb(options, verb)));
  program
    .command("serve-bandwidth")
    .summary("let devices that hold a token measure their bandwidth against this machine")
    .description(
      "Runs an endpoint for bandwidth measurements until it is stopped. Devices show that they know the token without sending it; " +
        "each session is bounded in bytes and time, and each address in sessions.",
    )
    .requiredOption("--token-file <file>", "the token that devices must know: one line of 20 to 256 visible characters")
    .option("--listen <host:port>", "where to listen", "[::]:7410")
    .option("--byte-cap <bytes>", "most that one session moves in each direction", "25MB")
    .option("--time <time>", "longest that one direction of a session takes, at most 10s", "10s")
    .option("--sessions <count>", "sessions at once; more than one measure each other", "1")
    .option("--per-hour <count>", "sessions of one address in an hour", "12")
    .option("--json", "one JSON event a line; the first names the port")
    .addHelpText("after", SERVE_BANDWIDTH_EXAMPLES)
    .action(
      run(async (verb, options: ServeBandwidthOptions) =>
        (await import("./serve-bandwidth.ts")).runServeBandwidthVerb(options, verb),
      ),
    );
}

function addDeviceVerbs(program: Command, run: Run): void {
  program
    .command("probe")
    .summary("what this machine is, and which tier that makes it")
    .option("--json", "one JSON document")
    .option("--quick", "no measurement")
    .option("--only <groups>", "measure only these, with commas: cpu, memory, disk, gpu, bandwidth")
    .option("--facts", "everything that was read, and where")
    .option("--enrich", "with --facts: ask the package systeminformation too, which starts helper programs")
    .option("--sysroot <path>", "a captured machine in place of this one: a directory, or a file of --capture")
    .option("--bandwidth <host:port>", "measure the network too, against that endpoint (bonusnode serve-bandwidth)")
    .option("--token-file <file>", "the token of that endpoint")
    .option("--capture <file>", "write a capture of this machine, for a test or a new board, and nothing private")
    .option("--watch [seconds]", "look again and again, without measuring")
    .option("--max-tier <tier>", "what the owner allows at most: Lite, Normal or Super")
    .action(
      run(async (verb, options: object) => {
        const { runProbe } = await import("./probe.ts");
        const { signal, release } = untilStopped(verb);
        try {
          return await runProbe({ ...options, signal }, verb.terminal);
        } finally {
          release();
        }
      }),
    );
  const boards = program.command("boards").summary("the profiles of boards: what each may be at most");
  boards
    .command("list")
    .summary("every profile, those of this device's owner too")
    .option("--json", "one JSON document")
    .action(run(async (verb, options: object) => (await import("./boards.ts")).runBoardsList(options, verb.terminal)));
  boards
    .command("check <paths...>")
    .summary("what is wrong with profiles: files, or directories of them")
    .option("--json", "one JSON document")
    .action(
      run(async (verb, paths: string[], options: object) =>
        (await import("./boards.ts")).runBoardsCheck(paths, options, verb.terminal),
      ),
    );
  program
    .command("status")
    .summary("what this device does and earns")
    .option("-c, --config <file>", "the agent's configuration", AGENT_CONFIG)
    .option("--state-dir <dir>", "the agent's state directory")
    .option("--json", "one JSON document")
    .action(run(async (verb, options: { config: string }) => (await import("./status.ts")).runStatusVerb(options, verb)));
  program
    .command("identity")
    .summary("this device's or bookkeeper's id, made if there is none yet")
    .option("--state-dir <dir>", "state directory of the agent or bookkeeper")
    .option("--json", "one JSON document")
    .action(run(async (verb, options: object) => (await import("./identity.ts")).runIdentityVerb(options, verb)));
}

function addBookVerbs(program: Command, run: Run): void {
  const account = program.command("account").summary("the accounts that a bookkeeper keeps");
  account
    .command("list")
    .summary("every node's account")
    .option("--state-dir <dir>", "the bookkeeper's state directory")
    .option("--json", "one JSON document")
    .action(run(async (verb, options: object) => (await import("./account.ts")).runAccountList(options, verb)));
  account
    .command("show <node>")
    .summary("one node's account, down to the records behind each figure")
    .option("--state-dir <dir>", "the bookkeeper's state directory")
    .option("--entries <count>", "of how many of the newest records", "20")
    .option("--json", "one JSON document")
    .action(
      run(async (verb, node: string, options: object) => (await import("./account.ts")).runAccountShow(node, options, verb)),
    );
  account
    .command("audit")
    .summary("replay every record, and compare all balances to the unit")
    .option("--state-dir <dir>", "the bookkeeper's state directory")
    .option("--json", "one JSON document")
    .action(run(async (verb, options: object) => (await import("./account.ts")).runAccountAudit(options, verb)));
  program
    .command("assign <file>")
    .summary("give one piece of work to a node, through the bookkeeper on this machine")
    .option("--state-dir <dir>", "the bookkeeper's state directory")
    .option("--wait <time>", "wait this long for its proof, and succeed only if it was verified")
    .option("--json", "one JSON document")
    .action(run(async (verb, file: string, options: object) => (await import("./assign.ts")).runAssignVerb(file, options, verb)));
  const proof = program.command("proof").summary("look at signed messages");
  proof
    .command("show <file>")
    .summary("a message in words: who signed what")
    .option("--json", "one JSON document")
    .action(run(async (verb, file: string, options: object) => (await import("./proof.ts")).runProofShow(file, options, verb)));
  proof
    .command("verify <file>")
    .summary("whether a proof holds, and if not, why")
    .requiredOption("--network <name>", "the network that it was signed for")
    .option("--node <id>", "the node that must have signed it")
    .option("--assignment <file>", "the assignment or challenge that it must answer")
    .option("--descriptor <file>", "the node's descriptor, to judge what it says it used")
    .option("--previous <file>", "the proof before it in the node's chain")
    .option("--json", "one JSON document")
    .action(
      run(async (verb, file: string, options: { network: string }) =>
        (await import("./proof.ts")).runProofVerify(file, options, verb),
      ),
    );
  const certify = program.command("certify").summary("TLS certificates for a network, signed by its bookkeeper");
  certify
    .command("authority")
    .summary("the certificate that agents and the broker trust")
    .option("--state-dir <dir>", "the bookkeeper's state directory")
    .action(run(async (verb, options: object) => (await import("./certify.ts")).runCertifyAuthority(options, verb)));
  certify
    .command("broker <hosts...>")
    .summary("a certificate and key for the broker, under these names and addresses")
    .requiredOption("--key <file>", "where to write the broker's new private key")
    .option("--state-dir <dir>", "the bookkeeper's state directory")
    .action(
      run(async (verb, hosts: string[], options: { key: string }) =>
        (await import("./certify.ts")).runCertifyBroker(hosts, options, verb),
      ),
    );
  certify
    .command("node <id>")
    .summary("a client certificate for a node; its id is all that is needed")
    .option("--state-dir <dir>", "the bookkeeper's state directory")
    .action(run(async (verb, id: string, options: object) => (await import("./certify.ts")).runCertifyNode(id, options, verb)));
}
