/*
 * Connections that fail for each reason there is: with the errors of real TLS handshakes on loopback where they can be made, and with the
 * code alone where not. What a person reads says what to do.
 */
import { once } from "node:events";
import { type AddressInfo, connect as connectTcp } from "node:net";
import { connect, createServer, type TlsOptions } from "node:tls";
import { type Test, test } from "tap";
import { privateKeyPem } from "../../../mqtt/index.ts";
import { describeLinkTrouble } from "../../../mqtt/link-trouble.ts";
import { certify, keyed } from "./identities.ts";

const [bookkeeper, brokerKey, stranger] = [keyed(1), keyed(2), keyed(4)];
const ca = await certify(bookkeeper, bookkeeper, { use: "authority" });
const strangeCa = await certify(stranger, stranger, { use: "authority" });
const server = { use: "broker", hosts: ["localhost"], commonName: "localhost" } as const;
const cert = await certify(brokerKey, bookkeeper, server);
const mutual: TlsOptions = {
  ...{ key: privateKeyPem(brokerKey.seed), cert, ca, requestCert: true, rejectUnauthorized: true, minVersion: "TLSv1.3" },
};

interface Offer {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly servername?: string;
}

/** What the client is told of a handshake that fails. */
async function troubleOf(t: Test, options: TlsOptions, offer: Offer): Promise<string> {
  const server = createServer(options);
  server.on("tlsClientError", () => undefined);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.teardown(() => server.close());
  const socket = connect({
    host: "127.0.0.1",
    port: (server.address() as AddressInfo).port,
    servername: "localhost",
    ca,
    ...offer,
  });
  socket.resume();
  return describeLinkTrouble(await errorOf(socket));
}

/** How a connection fails; that it stands is a failure of the test. */
function errorOf(socket: ReturnType<typeof connectTcp>): Promise<Error> {
  return new Promise((resolve) => {
    socket.once("error", resolve);
    socket.once("close", () => resolve(new Error("no trouble at all")));
  });
}

test("handshakes that fail say what to do", async (t) => {
  t.match(
    await troubleOf(t, mutual, {}),
    /wants a certificate; .*"bonusnode certify node", \[broker\] certificate_file names it/,
  );
  t.match(await troubleOf(t, mutual, { ca: strangeCa }), /not signed by the authority in \[broker\] ca_file/);
  t.match(
    await troubleOf(t, { ...mutual, cert: `${cert}${ca}` }, { ca: strangeCa }),
    /not signed by the authority in \[broker\] ca_file/,
  );
  const selfMade = await certify(brokerKey, undefined, server);
  t.match(await troubleOf(t, { ...mutual, cert: selfMade }, {}), /not signed by the authority in \[broker\] ca_file/);
  t.match(await troubleOf(t, mutual, { servername: "other" }), /for another name than the one in \[broker\] url/);
});

test("nobody there", async (t) => {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  const error = await errorOf(connectTcp(port, "127.0.0.1"));
  t.equal(describeLinkTrouble(error), "nothing listens there; is the broker running? (ECONNREFUSED)");
});

test("the codes that no handshake on loopback makes", async (t) => {
  const expected = {
    ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: /does not know who signed .*"bonusnode certify node"/,
    UNABLE_TO_GET_ISSUER_CERT_LOCALLY: /not signed by the authority in \[broker\] ca_file/,
    CERT_NOT_YET_VALID: /clock of this device/,
    CERT_HAS_EXPIRED: /clock of this device/,
    ENOTFOUND: /name is not known; is there a network/,
    EAI_AGAIN: /cannot be looked up now; is there a network/,
  };
  for (const [code, sentence] of Object.entries(expected)) {
    const said = describeLinkTrouble(Object.assign(new Error("raw words"), { code }));
    t.match(said, sentence);
    t.ok(said.endsWith(`(${code})`), "the code stays, to search for");
    t.notMatch(said, "raw words");
  }
});

test("what is not known passes through as it is", async (t) => {
  t.equal(describeLinkTrouble(Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" })), "read ECONNRESET");
  t.equal(
    describeLinkTrouble(Object.assign(new Error("Connection refused: Not authorized"), { code: 5 })),
    "Connection refused: Not authorized",
  );
  t.equal(
    describeLinkTrouble(Object.assign(new Error("own"), { code: "constructor" })),
    "own",
    "no name of an object's own making",
  );
  t.equal(describeLinkTrouble(new Error("plain")), "plain");
  t.equal(describeLinkTrouble("a text"), "a text");
});

test("whatever was thrown", async (t) => {
  for (const thrown of [undefined, null, 7]) t.equal(describeLinkTrouble(thrown), String(thrown));
});
