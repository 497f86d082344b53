/*
 * What a link logs in with, read from the files that a configuration names: each file missing, unreadable, damaged, of another kind, for
 * another key. Every refusal names the file.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Test, test } from "tap";
import { parseCertificates } from "../../../mqtt/certificate.ts";
import { type BrokerSettings, privateKeyPem, readBrokerLogin } from "../../../mqtt/index.ts";
import { certify, type Keyed, keyed } from "./identities.ts";

const [bookkeeper, node, stranger] = [keyed(1), keyed(2), keyed(3)];
const ca = await certify(bookkeeper, bookkeeper, { use: "authority" });
const certificate = await certify(node, bookkeeper);
const PLAIN = "mqtt://broker.example";
const SECURE = "mqtts://broker.example";

/** A folder with these files, and how the node logs in by it. */
function makeFolder(t: Test, files: Readonly<Record<string, string>> = {}) {
  const directory = t.testdir();
  const path = (name: string): string => join(directory, name);
  for (const [name, text] of Object.entries(files)) writeFileSync(path(name), text);
  const certificateCache = path("own.crt");
  const login = (settings: BrokerSettings, who: Keyed = node, isAuthority = false) =>
    readBrokerLogin(settings, { ...who, certificateCache, isAuthority, serialNumber: new Uint8Array(16), password: "given" });
  return { path, certificateCache, login };
}

test("without TLS there is a password at most", async (t) => {
  const { path, login } = makeFolder(t, { password: "p w\n" });
  t.strictSame(await login({ url: PLAIN }), { url: PLAIN, password: "given" });
  const settings = { url: PLAIN, username: "u", password_file: path("password"), ca_file: path("none") };
  t.strictSame(await login(settings), { url: PLAIN, username: "u", password: "p w" });
});

test("with TLS: whom to trust, who this is, and the key of the identity", async (t) => {
  const { path, login } = makeFolder(t, { ca, certificate });
  const { tls } = await login({ url: SECURE, ca_file: path("ca"), certificate_file: path("certificate") });
  t.strictSame(tls, { ca, certificate, key: privateKeyPem(node.seed) });
});

test("files that are not there or cannot be one are refused by their name", async (t) => {
  const { path, login } = makeFolder(t, { large: "x".repeat(1024 * 1024 + 1) });
  mkdirSync(path("folder"));
  for (const name of ["none", "folder", "large"]) {
    for (const setting of ["password_file", "ca_file", "certificate_file"]) {
      const refusal = { name: "MqttError", code: "bad-login", message: `[broker] names ${path(name)}, which cannot be read` };
      await t.rejects(login({ url: SECURE, [setting]: path(name) }), refusal, `${setting} ${name}`);
    }
  }
});

test("certificates that are damaged, something else, or somebody else's", async (t) => {
  const half = certificate.slice(0, certificate.length / 2);
  const files = { empty: "", text: "hello", half, second: `${ca}${half}`, key: privateKeyPem(node.seed) };
  const { path, login } = makeFolder(t, { ...files, stranger: await certify(stranger, bookkeeper), certificate, ca });
  for (const name of Object.keys(files)) {
    for (const setting of ["ca_file", "certificate_file"]) {
      const refusal = { name: "MqttError", code: "bad-login", message: `[broker] names ${path(name)}, which ` };
      await t.rejects(login({ url: SECURE, [setting]: path(name) }), refusal, `${setting} ${name}`);
    }
  }
  for (const name of ["stranger", "ca"]) {
    const refusal = { code: "bad-login", message: `${path(name)}, which is not for the key of ${node.key.id}` };
    await t.rejects(login({ url: SECURE, certificate_file: path(name) }), refusal, name);
  }
});

test("an address that is none is refused before anything is read", async (t) => {
  const { path, login } = makeFolder(t);
  for (const url of ["broker", "http://broker", "mqtt://", "mqtts://u:p@broker", ""]) {
    await t.rejects(login({ url, password_file: path("none") }), { code: "bad-url" }, url);
  }
});

test("the own certificate is made once, and anew when it is damaged or of another key", async (t) => {
  const { certificateCache, login } = makeFolder(t);
  const made = (await login({ url: SECURE })).tls?.certificate ?? "";
  t.match(parseCertificates(made)[0], { subject: `CN=${node.key.id}`, issuer: `CN=${node.key.id}` });
  t.equal(readFileSync(certificateCache, "utf8"), made);
  const kept = `${made}# kept\n`;
  writeFileSync(certificateCache, kept);
  t.equal((await login({ url: SECURE })).tls?.certificate, kept);
  for (const broken of ["", "hello", made.slice(0, 100), await certify(stranger, undefined)]) {
    writeFileSync(certificateCache, broken);
    t.equal((await login({ url: SECURE })).tls?.certificate, made);
    t.equal(readFileSync(certificateCache, "utf8"), made);
  }
  const signed = (await login({ url: SECURE }, stranger, true)).tls?.certificate ?? "";
  t.match(parseCertificates(signed)[0], { subject: `CN=${stranger.key.id}`, issuer: `O=authority\nCN=${stranger.key.id}` });
});
