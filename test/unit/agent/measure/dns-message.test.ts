// DNS messages: ours against hand-written bytes of RFC 1035, and any bytes at all.
import { isIPv6 } from "node:net";
import fc from "fast-check";
import t from "tap";
import { type DnsQuestion, decodeAnswer, encodeQuery } from "../../../../agent/services/measure/runner/dns-message.ts";
import { answerTo, type DnsRecord, nameBytes } from "./dns-server.ts";
import { printedSeed } from "./seed.ts";

const QUESTION: DnsQuestion = { name: "www.example.com", type: "A" };

const decode = (question: DnsQuestion, records: readonly DnsRecord[], responseCode = 0) =>
  decodeAnswer(answerTo(encodeQuery(7, question), records, responseCode), 7, question);

t.test("a query is the bytes of RFC 1035 and RFC 6891", async (t) => {
  const expected = "abcd01000001000000000001" + "03777777076578616d706c6503636f6d00" + "00010001" + "00002904d0000000000000";
  t.equal(encodeQuery(0xabcd, QUESTION).toString("hex"), expected);
  for (const name of ["", ".", "a..b", "x".repeat(64), `${"a.".repeat(127)}com`]) {
    t.throws(() => encodeQuery(1, { name, type: "A" }), RangeError, name);
  }
});

t.test("records become text", async (t) => {
  t.strictSame(decode(QUESTION, [{ type: 1, data: Buffer.of(192, 0, 2, 7) }])?.records, ["192.0.2.7"]);
  const mail = Buffer.concat([Buffer.of(0, 10), nameBytes("mail.example.com")]);
  t.strictSame(decode({ name: "example.com", type: "MX" }, [{ type: 15, data: mail }])?.records, ["10 mail.example.com"]);
  t.strictSame(decode({ name: "example.com", type: "NS" }, [{ type: 2, data: nameBytes("") }])?.records, ["."]);
  const text = Buffer.concat([Buffer.of(4), Buffer.from('a"\\\n'), Buffer.of(1), Buffer.from("b")]);
  t.strictSame(decode({ name: "example.com", type: "TXT" }, [{ type: 16, data: text }])?.records, ['"a\\034\\092\\010" "b"']);
  t.strictSame(decode({ name: "example.com", type: "TXT" }, [{ type: 16, data: Buffer.of() }])?.records, ['""']);
  const odd = Buffer.concat([Buffer.of(5), Buffer.from("a.b c"), Buffer.of(0)]);
  t.strictSame(decode({ name: "example.com", type: "CNAME" }, [{ type: 5, data: odd }])?.records, ["a\\046b\\032c"]);
});

t.test("records of another type, such as the alias before an address, are passed over", async (t) => {
  const records = [
    { type: 5, data: nameBytes("alias.example.com") },
    { type: 1, data: Buffer.of(192, 0, 2, 7) },
  ];
  t.strictSame(decode(QUESTION, records)?.records, ["192.0.2.7"]);
});

t.test("an answer without records, with an error, or cut by the server is an answer", async (t) => {
  t.strictSame(decode(QUESTION, []), { responseCode: 0, isTruncated: false, records: [] });
  t.strictSame(decode(QUESTION, [], 3), { responseCode: 3, isTruncated: false, records: [] });
  const cut = answerTo(encodeQuery(7, QUESTION), [], 0);
  cut.writeUInt16BE(cut.readUInt16BE(2) | 0x0200, 2);
  t.strictSame(decodeAnswer(cut, 7, QUESTION), { responseCode: 0, isTruncated: true, records: [] });
});

t.test("what answers another question, or none, is no answer", async (t) => {
  const answer = answerTo(encodeQuery(7, QUESTION), [{ type: 1, data: Buffer.of(192, 0, 2, 7) }], 0);
  t.ok(decodeAnswer(answer, 7, QUESTION));
  t.equal(decodeAnswer(answer, 8, QUESTION), undefined, "another id");
  t.equal(decodeAnswer(answer, 7, { ...QUESTION, name: "www.example.org" }), undefined, "another name");
  t.equal(decodeAnswer(answer, 7, { ...QUESTION, type: "AAAA" }), undefined, "another type");
  t.equal(decodeAnswer(encodeQuery(7, QUESTION), 7, QUESTION), undefined, "the query itself");
  for (let length = 0; length < answer.length; length++) {
    t.equal(decodeAnswer(answer.subarray(0, length), 7, QUESTION), undefined, `cut after ${length} bytes`);
  }
});

t.test("names that lead in circles or forwards are refused", async (t) => {
  const question: DnsQuestion = { name: "example.com", type: "NS" };
  const records = (data: Buffer) => [{ type: 2, data }];
  const here = encodeQuery(7, question).length - 11 + 12;
  t.equal(decode(question, records(Buffer.of(0xc0, here))), undefined, "itself");
  t.equal(decode(question, records(Buffer.of(1, 0x61, 0xc0, here))), undefined, "a circle");
  t.equal(decode(question, records(Buffer.of(0xff, 0xff))), undefined, "behind the end");
  t.equal(decode(question, records(Buffer.of(0x80, 0))), undefined, "a reserved form");
  t.strictSame(decode(question, records(Buffer.of(0xc0, 12)))?.records, ["example.com"], "back to the question");
});

t.test("IPv6 addresses are written as RFC 5952 says", async (t) => {
  const seed = printedSeed(t);
  const group = fc.oneof(fc.constant(0), fc.constant(0), fc.integer({ min: 0, max: 0xffff }));
  fc.assert(
    fc.property(fc.array(group, { minLength: 8, maxLength: 8 }), (groups) => {
      const data = Buffer.alloc(16);
      for (const [index, value] of groups.entries()) data.writeUInt16BE(value, index * 2);
      const [text = ""] = decode({ name: "example.com", type: "AAAA" }, [{ type: 28, data }])?.records ?? [];
      const full = groups.map((value) => value.toString(16)).join(":");
      return isIPv6(text) && new URL(`http://[${text}]`).hostname === `[${text}]` && sameAddress(text, full);
    }),
    { seed, numRuns: 1_000 },
  );
});

function sameAddress(left: string, right: string): boolean {
  return new URL(`http://[${left}]`).hostname === new URL(`http://[${right}]`).hostname;
}

t.test("no bytes make the decoder throw, and what comes out is printable ASCII", async (t) => {
  const seed = printedSeed(t);
  const types = ["A", "AAAA", "CNAME", "MX", "NS", "TXT"] as const;
  const record = fc.record({
    type: fc.constantFrom(1, 2, 5, 15, 16, 28, 41),
    data: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
  });
  const flips = fc.array(fc.tuple(fc.nat(600), fc.nat(255)), { maxLength: 6 });
  fc.assert(
    fc.property(fc.constantFrom(...types), fc.array(record, { maxLength: 8 }), flips, (type, records, changed) => {
      const question: DnsQuestion = { name: "www.example.com", type };
      const datagram = answerTo(encodeQuery(7, question), records, 0);
      for (const [at, value] of changed) if (at < datagram.length) datagram[at] = value;
      const answer = decodeAnswer(datagram, 7, question);
      return answer === undefined || answer.records.every((text) => /^[\x20-\x7e]+$/.test(text));
    }),
    { seed, numRuns: 2_000 },
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      decodeAnswer(Buffer.from(bytes), 7, QUESTION);
    }),
    { seed, numRuns: 1_000 },
  );
});
