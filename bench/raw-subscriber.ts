import { readFileSync } from "node:fs";
import mqtt from "mqtt";

/*
 * The least that can stand in a bookkeeper's place: it subscribes to the proofs with QoS 1 and counts them. `ready` and `done` on standard
 * output say when it hears and when it has heard all.
 */

const [url = "", ca = "", cert = "", key = "", topic = "", count = ""] = process.argv.slice(2);
const client = mqtt.connect(url, {
  ca: readFileSync(ca),
  cert: readFileSync(cert),
  key: readFileSync(key),
  protocolVersion: 5,
  reconnectPeriod: 0,
});
let missing = Number(count);
client.on("message", () => {
  missing -= 1;
  if (missing === 0) process.stdout.write("done\n");
});
client.on("connect", () => client.subscribe(topic, { qos: 1 }, () => process.stdout.write("ready\n")));
