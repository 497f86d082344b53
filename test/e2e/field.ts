import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { runVerb } from "./program.ts";

/** How the programs of a field reach their broker: lines for the `[broker]` table of each. */
export interface BrokerAccess {
  readonly agent: string;
  readonly bookkeeper: string;
}

/** A bookkeeper and agents with their configurations, in a directory of their own. */
export interface Field {
  readonly network: string;
  readonly bookkeeper: { readonly id: string; readonly directory: string; readonly config: string };
  readonly agents: readonly { readonly id: string; readonly directory: string; readonly config: string }[];
}

/** What a field is made of. */
export interface FieldOptions {
  readonly directory: string;
  readonly agents: number;
  readonly broker: BrokerAccess;
  /** The plan's items, in TOML. */
  readonly plan: string;
  /** Files beside the plan, by name. */
  readonly planFiles?: Readonly<Record<string, Uint8Array>>;
  /** More lines for the agents' configurations, and the bookkeeper's. */
  readonly agentLines?: string;
  readonly bookkeeperLines?: string;
}

/** The id of the program whose state directory it is, made if there is none. */
export async function identityOf(directory: string): Promise<string> {
  const { stdout, stderr } = await runVerb(["identity", "--state-dir", directory]);
  if (!stdout.startsWith("bxn1")) throw new Error(`no identity: ${stderr}`);
  return stdout.trim();
}

/** Writes the identities and configurations of a field; nothing is started. */
export async function makeField(options: FieldOptions): Promise<Field> {
  const network = "field";
  const { directory, broker } = options;
  mkdirSync(directory, { recursive: true });
  const bookkeeperDirectory = join(directory, "bookkeeper");
  const bookkeeperId = await identityOf(bookkeeperDirectory);
  writeFileSync(join(directory, "plan.toml"), `version = 1\n${options.plan}`);
  for (const [name, bytes] of Object.entries(options.planFiles ?? {})) writeFileSync(join(directory, name), bytes);
  const bookkeeperConfig = join(directory, "bookkeeper.toml");
  writeFileSync(
    bookkeeperConfig,
    `state_dir = "${bookkeeperDirectory}"\n[network]\nname = "${network}"\n[broker]\n${broker.bookkeeper}\n[plan]\nfile = "plan.toml"\n[verify]\nrecheck_share = 0.2\n${options.bookkeeperLines ?? ""}`,
  );
  const agents = await Promise.all(
    Array.from({ length: options.agents }, async (_, index) => {
      const agentDirectory = join(directory, `agent-${index}`);
      const config = join(directory, `agent-${index}.toml`);
      writeFileSync(
        config,
        `state_dir = "${agentDirectory}"\n[network]\nname = "${network}"\nbookkeepers = ["${bookkeeperId}"]\nallow_private_targets = true\n` +
          `[broker]\n${broker.agent}\n[metrics]\nenabled = false\n${options.agentLines ?? ""}`,
      );
      return { id: await identityOf(agentDirectory), directory: agentDirectory, config };
    }),
  );
  return { network, bookkeeper: { id: bookkeeperId, directory: bookkeeperDirectory, config: bookkeeperConfig }, agents };
}

/** A TCP port of loopback that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() =>
        typeof address === "object" && address !== null ? resolve(address.port) : reject(new Error("no port")),
      );
    });
  });
}
