import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import t from "tap";
import { freePort } from "../test/e2e/field.ts";
import { startProgram } from "../test/e2e/program.ts";
import { blocksOf } from "../test/e2e/readme-blocks.ts";

/*
 * The README's way to a real network, command by command, with the shipped files: only /etc and /var/lib lie elsewhere, Mosquitto listens at
 * another port, and its service manager is the test. Mosquitto runs as its own user, as it does on Debian.
 */

const ROOT = fileURLToPath(new URL("../", import.meta.url));

t.setTimeout(180_000);

t.test("what the README tells operators and owners makes a network", async (t) => {
  const [, operator = "", owner = ""] = blocksOf("sh");
  t.match(operator, /bonusnode certify broker/);
  t.match(owner, /bonusnode certify node/);
  const root = mkdtempSync(join(tmpdir(), "bonusnode-"));
  chmodSync(root, 0o755);
  mkdirSync(join(root, "etc/mosquitto/conf.d"), { recursive: true });
  const port = await freePort();
  const elsewhere = (text: string): string =>
    text.replaceAll("/etc/", `${root}/etc/`).replaceAll("/var/lib/", `${root}/var/lib/`);
  const shell = (lines: string): string => {
    const prelude = `systemctl() { :; }\nbonusnode() { "${process.execPath}" cli/main.ts "$@"; }\n`;
    return execFileSync("bash", ["-euc", prelude + elsewhere(lines)], { cwd: ROOT, encoding: "utf8" });
  };
  const edit = (file: string, ...changes: readonly (readonly [string, string])[]): string => {
    const path = join(root, "etc", file);
    writeFileSync(
      path,
      changes.reduce(
        (text, [from, to]) => {
          if (!text.includes(from)) throw new Error(`${file} has no ${from}`);
          return text.replaceAll(from, to);
        },
        readFileSync(path, "utf8"),
      ),
    );
    return path;
  };
  const url = ['"mqtts://broker.example.org"', `"mqtts://localhost:${port}"`] as const;

  const setUp = operator.trimEnd().split("\n");
  t.match(setUp.pop(), /^bonusnode bookkeeper --config /);
  shell(setUp.join("\n"));
  const conf = edit(
    "mosquitto/conf.d/bonusnode.conf",
    ["/etc/", `${root}/etc/`],
    ["listener 8883", `listener ${port} 127.0.0.1`],
  );
  const broker = spawn("/usr/sbin/mosquitto", ["-c", conf], { stdio: "ignore" });
  t.teardown(async () => {
    broker.kill();
    await once(broker, "exit");
    rmSync(root, { recursive: true });
  });
  edit("bonusnode/bookkeeper.toml", url, ['#ca_file = "authority.crt"', 'ca_file = "../mosquitto/bonusnode/authority.crt"']);
  edit("bonusnode/plan.toml", ['"example.org:443", "example.com:443"', `"127.0.0.1:${port}"`], ['every = "10m"', 'every = "2s"']);
  const state = (name: string): readonly string[] => [
    "--state-dir",
    join(root, "var/lib", name),
    "--json",
    "--log-level",
    "warn",
  ];
  const bookkeeper = startProgram(
    ["bookkeeper", "--config", join(root, "etc/bonusnode/bookkeeper.toml"), ...state("bonusnode-bookkeeper")],
    { built: true },
  );
  t.teardown(() => bookkeeper.end("SIGTERM"));
  t.equal((await bookkeeper.waitFor((event) => event.type === "online", "the bookkeeper was online"))["protocolVersion"], 5);

  const [identity = "", certify = "", run = ""] = owner.trimEnd().split("\n");
  t.match(run, /^bonusnode agent --config /);
  const id = shell(identity).trim();
  shell(
    `export BONUSNODE_STATE_DIR=/var/lib/bonusnode-bookkeeper\n${certify.replace("bxn1...", id).replace("> node.crt", "> /etc/bonusnode/node.crt")}`,
  );
  const bookkeeperId = shell("bonusnode identity --state-dir /var/lib/bonusnode-bookkeeper").trim();
  writeFileSync(join(root, "etc/bonusnode/config.toml"), readFileSync(join(ROOT, "packaging/agent/config.toml")));
  edit(
    "bonusnode/config.toml",
    url,
    ["bxn1cesgmlz29ml5ggt8438f4zqzhfqfjz84q2a6zefsgph8v5t8tpgq0wnv4t", bookkeeperId],
    ['#ca_file = "broker-authority.crt"', 'ca_file = "../mosquitto/bonusnode/authority.crt"'],
    ['#certificate_file = "node.crt"', 'certificate_file = "node.crt"'],
    ["#allow_private_targets = false", "allow_private_targets = true"],
    ["#enabled = true", "enabled = false"],
  );
  const agent = startProgram(["agent", "--config", join(root, "etc/bonusnode/config.toml"), ...state("bonusnode")], {
    built: true,
  });
  t.teardown(() => agent.end("SIGTERM"));
  const receipt = await agent.waitFor((event) => event.type === "receipt", "a proof was answered");
  t.equal(receipt["status"], "accepted");
});
