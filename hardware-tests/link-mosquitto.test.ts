import { readFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { loadOrCreateSecret, makeSystemRandom } from "../base/index.ts";
import { privateKeyPem } from "../mqtt/index.ts";
import { SEED_BYTES } from "../protocol/index.ts";
import { linkContract } from "../test/contract/link-contract.ts";
import { identityOf } from "../test/e2e/field.ts";
import { makeMosquitto } from "./mosquitto.ts";

/*
 * The link contract over a real Mosquitto with the shipped configuration: MQTT 5, TLS, client certificates, and the access list.
 */

t.test("a link to Mosquitto", async (t) => {
  const directory = t.testdir();
  const directories = { node: join(directory, "node"), bookkeeper: join(directory, "bookkeeper") };
  const broker = await makeMosquitto({ directory: join(directory, "broker"), bookkeeperDirectory: directories.bookkeeper });
  const ids = { node: await identityOf(directories.node), bookkeeper: await identityOf(directories.bookkeeper) };
  const ca = readFileSync(broker.caFile, "utf8");
  const tlsOf = async (who: "node" | "bookkeeper") => {
    const seed = await loadOrCreateSecret(join(directories[who], "identity.seed"), SEED_BYTES, makeSystemRandom());
    return { ca, certificate: readFileSync(await broker.certify(ids[who]), "utf8"), key: privateKeyPem(seed) };
  };
  const tls = { node: await tlsOf("node"), bookkeeper: await tlsOf("bookkeeper") };
  await broker.start();
  t.teardown(() => broker.kill());
  await linkContract(t, {
    protocolVersion: 5,
    nodeId: ids.node,
    port: () => broker.port,
    login: (who, port) => ({ url: `mqtts://127.0.0.1:${port}`, tls: tls[who] }),
    start: () => broker.start(),
    kill: () => broker.kill(),
  });
  t.notMatch(broker.log(), /denied/i, "nothing that the contract asks is against the access list");
});
