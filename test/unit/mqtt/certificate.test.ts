/*
 * The certificates of a network, as Node's own X509Certificate reads them: whose key, under which name, until when, and who vouches.
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { test } from "tap";
import { privateKeyPem } from "../../../mqtt/index.ts";
import { certify, keyed } from "./identities.ts";

const [bookkeeper, node, stranger] = [keyed(1), keyed(2), keyed(3)];
const read = async (...args: Parameters<typeof certify>) => new X509Certificate(await certify(...args));
const authority = await read(bookkeeper, bookkeeper, { use: "authority" });

const CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";
const SERVER_AUTH = "1.3.6.1.5.5.7.3.1";

test("an authority vouches for itself and for others", async (t) => {
  t.equal(authority.subject, `O=authority\nCN=${bookkeeper.key.id}`);
  t.equal(authority.issuer, authority.subject);
  t.equal(authority.ca, true);
  t.ok(authority.checkIssued(authority));
  t.ok(authority.verify(authority.publicKey));
});

test("a node's certificate is its key and its id", async (t) => {
  const certificate = await read(node, bookkeeper);
  t.equal(certificate.publicKey.asymmetricKeyType, "ed25519");
  t.ok(certificate.checkPrivateKey(createPrivateKey(privateKeyPem(node.seed))));
  t.notOk(certificate.checkPrivateKey(createPrivateKey(privateKeyPem(stranger.seed))));
  t.equal(certificate.subject, `CN=${node.key.id}`);
  t.equal(certificate.issuer, authority.subject);
  t.ok(certificate.checkIssued(authority));
  t.ok(certificate.verify(authority.publicKey));
  t.equal(certificate.ca, false);
  t.strictSame(certificate.keyUsage, [CLIENT_AUTH], "it is for no server");
  t.equal(certificate.subjectAltName, undefined);
});

test("nobody else's authority vouches for it", async (t) => {
  const certificate = await read(node, stranger);
  t.notOk(certificate.checkIssued(authority));
  t.notOk(certificate.verify(authority.publicKey));
  const pretender = await read({ ...stranger, key: { ...stranger.key, id: bookkeeper.key.id } }, undefined, { use: "authority" });
  t.match(pretender.subject, bookkeeper.key.id);
  t.notOk((await read(node, bookkeeper)).verify(pretender.publicKey), "the name alone signs nothing");
});

test("a self-made certificate, and a bookkeeper's login beside its authority", async (t) => {
  const own = await read(node, undefined);
  t.equal(own.subject, own.issuer);
  t.ok(own.verify(own.publicKey));
  const login = await read(bookkeeper, bookkeeper);
  t.not(login.subject, login.issuer, "it would pass for self-signed");
  t.ok(login.checkIssued(authority) && login.verify(authority.publicKey));
});

test("a box whose clock stands at 1970 or far ahead takes them", async (t) => {
  for (const certificate of [authority, await read(node, bookkeeper)]) {
    t.equal(certificate.validFromDate.getTime(), 0);
    t.equal(certificate.validTo, "Dec 31 23:59:59 9999 GMT");
  }
});

test("a broker's certificate holds for its names and addresses and no other", async (t) => {
  const hosts = ["broker.example.org", "*.lan.example", "localhost", "xn--bcher-kva.example", "127.0.0.1", "::1"];
  const certificate = await read(node, bookkeeper, { use: "broker", hosts, commonName: "broker.example.org" });
  t.strictSame(certificate.keyUsage, [SERVER_AUTH], "it is for no client");
  t.equal(
    certificate.subjectAltName,
    "DNS:broker.example.org, DNS:*.lan.example, DNS:localhost, DNS:xn--bcher-kva.example, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1",
  );
  for (const host of ["broker.example.org", "a.lan.example", "localhost"]) t.ok(certificate.checkHost(host), host);
  for (const address of ["127.0.0.1", "::1"]) t.ok(certificate.checkIP(address), address);
  for (const host of ["example.org", "a.broker.example.org", "127.0.0.1"]) t.notOk(certificate.checkHost(host), host);
  t.notOk(certificate.checkIP("127.0.0.2"));
});

test("what is no host is refused by its name", async (t) => {
  const bad = [
    "",
    ".",
    "a b",
    "host:8883",
    "mqtts://host",
    "a, DNS:other",
    "a\nb",
    "1.2.3",
    "fe80::1%eth0",
    "a..b",
    "-a",
    "ü.example",
  ];
  for (const host of [...bad, `${"a".repeat(64)}.org`, `${"a.".repeat(127)}ab`]) {
    const made = certify(node, bookkeeper, { use: "broker", hosts: ["good.example", host] });
    await t.rejects(made, { name: "MqttError", code: "bad-host", message: JSON.stringify(host) }, JSON.stringify(host));
  }
});

test("a name is one name, whatever stands in it", async (t) => {
  for (const commonName of ["x, O=authority", "x+O=authority", "x\nO=authority", "x\\, O=authority"]) {
    const { subject } = await read(node, bookkeeper, { commonName });
    t.equal(subject.split("\n").length, 1, JSON.stringify(subject));
    t.ok(subject.startsWith("CN=x"), JSON.stringify(subject));
  }
});

test("a serial number is positive, and of at most 20 bytes", async (t) => {
  for (const [bytes, hex] of [
    [new Uint8Array(19).fill(0xff), `01${"FF".repeat(19)}`],
    [new Uint8Array(16), `01${"00".repeat(16)}`],
  ] as const) {
    t.equal((await read(node, bookkeeper, { serialNumber: bytes })).serialNumber, hex);
  }
});
