import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Field, freePort, identityOf } from "../test/e2e/field.ts";
import type { KillableBroker } from "../test/e2e/kills.ts";
import { runVerb } from "../test/e2e/program.ts";

/** A real Mosquitto on loopback, with the configuration that ships. */
export interface Mosquitto extends KillableBroker {
  readonly port: number;
  readonly caFile: string;
  /** A client certificate for an id, and the file that it is in. */
  certify(id: string): Promise<string>;
  /** Puts a certificate beside the configuration of the one agent. */
  admit(field: Field): Promise<void>;
  /** What it wrote so far. */
  log(): string;
}

/** How it differs from the shipped configuration. */
export interface MosquittoOptions {
  readonly directory: string;
  /** The bookkeeper's state directory, whose key signs the certificates; made if there is none. */
  readonly bookkeeperDirectory: string;
  /** Settings in place of the shipped ones of the same name. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Lines after all others. */
  readonly moreLines?: readonly string[];
}

const SHIPPED = new URL("../packaging/mosquitto/", import.meta.url);

/** Prepares certificates, access list and configuration; nothing is started. The agents' certificates are self-made by `certify`. */
export async function makeMosquitto(options: MosquittoOptions): Promise<Mosquitto> {
  const { directory, bookkeeperDirectory } = options;
  mkdirSync(directory, { recursive: true });
  const port = await freePort();
  const id = await identityOf(bookkeeperDirectory);
  const file = (name: string): string => join(directory, name);
  const certificate = async (name: string, args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await runVerb(["certify", ...args, "--state-dir", bookkeeperDirectory]);
    if (code !== 0) throw new Error(`certify ${args.join(" ")}: ${stderr}`);
    writeFileSync(file(name), stdout);
    return file(name);
  };
  const caFile = await certificate("authority.crt", ["authority"]);
  await certificate("broker.crt", ["broker", "localhost", "127.0.0.1", "--key", file("broker.key")]);
  writeFileSync(file("bonusnode.acl"), readFileSync(new URL("bonusnode.acl", SHIPPED), "utf8").replaceAll("bxn1BOOKKEEPER", id));
  writeFileSync(file("mosquitto.conf"), configuration(directory, port, options));
  // Started by root, Mosquitto becomes another user, who has to read all this and nobody else's files.
  for (const name of ["broker.key", "bonusnode.acl"]) chmodSync(file(name), 0o644);
  const certify = (node: string): Promise<string> => certificate(`${node.slice(0, 20)}.crt`, ["node", node]);
  let child: ChildProcess | undefined;
  let log = "";
  return {
    port,
    caFile,
    certify,
    admit: async ({ agents }) => {
      for (const { id: node, config } of agents) copyFileSync(await certify(node), join(dirname(config), "agent.crt"));
    },
    log: () => log,
    access: accessLines(port, caFile),
    start: async () => {
      child = spawn("/usr/sbin/mosquitto", ["-c", file("mosquitto.conf")], { stdio: ["ignore", "pipe", "pipe"] });
      for (const stream of [child.stdout, child.stderr]) {
        stream?.on("data", (chunk: Buffer) => {
          log += chunk.toString();
        });
      }
      await listening(port, child, () => log);
    },
    kill: async () => {
      const gone = child;
      child = undefined;
      if (gone === undefined || gone.exitCode !== null || gone.signalCode !== null) return;
      gone.kill("SIGKILL");
      await once(gone, "exit");
    },
  };
}

/** The shipped configuration with paths, port and the given settings in it. */
function configuration(directory: string, port: number, { settings = {}, moreLines = [] }: MosquittoOptions): string {
  const changed: Record<string, string> = { listener: `${port} 127.0.0.1`, ...settings };
  const lines = readFileSync(new URL("bonusnode.conf", SHIPPED), "utf8")
    .replaceAll("/etc/mosquitto/bonusnode/", `${directory}/`)
    .split("\n")
    .map((line) => {
      const name = line.split(" ")[0] ?? "";
      return Object.hasOwn(changed, name) ? `${name} ${changed[name]}` : line;
    });
  return [...lines, "log_dest stderr", "user root", ...moreLines, ""].join("\n");
}

/** Agents show their certificate from beside their configuration; the bookkeeper's own is made by itself. */
function accessLines(port: number, caFile: string): KillableBroker["access"] {
  const both = `url = "mqtts://localhost:${port}"\nca_file = "${caFile}"`;
  return { agent: `${both}\ncertificate_file = "agent.crt"`, bookkeeper: both };
}

/** Waits until the port takes connections; a TCP connection that says nothing is closed again at once. */
async function listening(port: number, child: ChildProcess, log: () => string): Promise<void> {
  for (;;) {
    if (child.exitCode !== null) throw new Error(`mosquitto ended: ${log()}`);
    const isOpen = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1", () => {
        socket.destroy();
        resolve(true);
      });
      socket.on("error", () => resolve(false));
    });
    if (isOpen) return;
    await sleep(50);
  }
}
