// Targets as strangers write them: what is canonical is read, every trick is refused before a policy has to judge it.
import fc from "fast-check";
import t from "tap";
import { parseServer, parseTarget } from "../../../../agent/services/measure/target.ts";
import { printedSeed } from "./seed.ts";

t.test("hosts, ports, names and URLs", async (t) => {
  const read = (method: "ping" | "dns" | "tcp" | "http", text: string): unknown => {
    const target = parseTarget(method, text);
    return target.ok ? target.value : target.error;
  };
  t.strictSame(read("ping", "WWW.Example.com."), { text: "WWW.Example.com.", host: "www.example.com" });
  t.strictSame(read("ping", "2001:DB8::1"), { text: "2001:DB8::1", host: "2001:db8::1" });
  t.strictSame(read("dns", "_dmarc.example.com"), { text: "_dmarc.example.com", host: "_dmarc.example.com" });
  t.strictSame(read("tcp", "192.0.2.1:443"), { text: "192.0.2.1:443", host: "192.0.2.1", port: 443 });
  t.strictSame(read("tcp", "[2001:db8::1]:22"), { text: "[2001:db8::1]:22", host: "2001:db8::1", port: 22 });
  const plain = "http://example.com/a/../b?c=d%20e";
  t.strictSame(read("http", plain), { text: plain, host: "example.com", port: 80, path: "/a/../b?c=d%20e", isSecure: false });
  t.match(read("http", "https://example.com"), { port: 443, path: "/", isSecure: true });
  t.match(read("http", "https://xn--bcher-kva.example:8443?q"), { host: "xn--bcher-kva.example", port: 8443, path: "/?q" });
  t.match(read("http", "http://[2001:db8::1]:8080/"), { host: "2001:db8::1", port: 8080 });
});

const NO_HOSTS = [
  ...["0x7f.1", "0x7f000001", "2130706433", "127.1", "127.0.1", "0177.0.0.1", "010.0.0.1", "192.168.1", "1.2.3.4.5", "1.2.3.4."],
  ...[
    "256.0.0.1",
    "127.0.0.0x1",
    "::ffff:10.0.0.256",
    "fe80::1%eth0",
    "[::1]",
    "a b.example",
    "a..example",
    ".example",
    "-a.example",
  ],
  ...[
    "a-.example",
    "bücher.example",
    "exa%6dple.com",
    "example.com/..",
    "user@example.com",
    "x".repeat(64),
    `${"a.".repeat(127)}com`,
  ],
  ...["", ".", "example.0x1", "example.1", "١٢٧.0.0.1", "127。0。0。1", "①27.0.0.1", "example\u00adcom.x1-"],
];

t.test("what is neither a canonical address nor a domain name is no host", async (t) => {
  for (const host of NO_HOSTS) {
    t.notOk(parseTarget("ping", host).ok, `ping ${host}`);
    t.notOk(parseTarget("tcp", `${host}:80`).ok && host !== "[::1]", `tcp ${host}`);
    t.notOk(parseTarget("http", `http://${host}/`).ok && !["[::1]", "example.com/.."].includes(host), `http ${host}`);
  }
});

const NO_URLS = [
  ...["ftp://example.com/", "file:///etc/passwd", "HTTP://example.com/", "javascript:alert(1)", "//example.com/", "example.com"],
  ...[
    "http:/example.com/",
    "http:\\\\example.com\\",
    "http://user@example.com/",
    "http://user:secret@example.com/",
    "http://@example.com/",
  ],
  ...[
    "http://example.com:0/",
    "http://example.com:65536/",
    "http://example.com:99999/",
    "http://example.com:/",
    "http://example.com:8o/",
  ],
  ...["http://example.com/a b", "http://example.com/\r\nX: y", "http://example.com/#part", "http://example.com/é", "http:///"],
  ...[
    "http://example.com\\@127.0.0.1/",
    "http://127.0.0.1\u0000.example.com/",
    "http://[::ffff:10.0.0.1",
    "http://[v1.a]/",
    " http://a.example/",
  ],
];

t.test("URLs with credentials, other schemes, ports that are none or characters to hide behind are no targets", async (t) => {
  for (const url of NO_URLS) t.notOk(parseTarget("http", url).ok, JSON.stringify(url));
});

t.test("other things that are no targets", async (t) => {
  for (const text of [
    "example.com",
    "example.com:",
    "example.com:0",
    "example.com:80:80",
    "::1:80",
    "[::1]",
    "example.com:0x50",
  ]) {
    t.notOk(parseTarget("tcp", text).ok, text);
  }
  t.strictSame(parseTarget("dns", "192.0.2.1"), { ok: false, error: "an address where a domain name belongs" });
});

t.test("name servers are addresses, with a port where it is another than 53", async (t) => {
  const read = (text: string): unknown => {
    const server = parseServer(text);
    return server.ok ? `${server.value.address} ${server.value.port}` : undefined;
  };
  t.equal(read("192.0.2.1"), "192.0.2.1 53");
  t.equal(read("192.0.2.1:5353"), "192.0.2.1 5353");
  t.equal(read("2001:db8::1"), "2001:db8::1 53");
  t.equal(read("[2001:db8::1]:5353"), "2001:db8::1 5353");
  t.equal(read("fe80::1%eth0"), "fe80::1%eth0 53");
  for (const text of ["dns.example", "127.1", "192.0.2.1:0", "192.0.2.1:", "[]:53", "0x7f.0.0.1"])
    t.equal(read(text), undefined, text);
});

t.test("no text makes the parsers throw, and a URL parser agrees about every host that is taken", async (t) => {
  const seed = printedSeed(t);
  const piece = fc.oneof(
    fc.string({ unit: "binary", maxLength: 4 }),
    fc.constantFrom(
      "http://",
      "https://",
      "127.0.0.1",
      "0x7f",
      "[::1]",
      "example",
      ".com",
      ":80",
      "/",
      "?",
      "@",
      ".",
      "#",
      "\\",
      "%2e",
    ),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
      const text = pieces.join("");
      parseServer(text);
      for (const method of ["ping", "dns", "tcp"] as const) parseTarget(method, text);
      const target = parseTarget("http", text);
      if (!target.ok) return true;
      const url = new URL(text);
      return url.hostname.replace(/^\[|\]$/g, "").replace(/\.$/, "") === target.value.host && url.username === "";
    }),
    { seed, numRuns: 3_000 },
  );
});
