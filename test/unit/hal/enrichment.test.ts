/**
 * What helper programs tell, through modules that answer in place of the package: only the fields in use come through, whatever else is
 * in an answer, and a module that throws, hangs or is missing is told.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { test } from "tap";
import {
  isEnrichmentCall,
  parseDiskNames,
  parseGpuNames,
  parseMemoryModules,
  pickAnswer,
  whyNotEnriched,
} from "../../../hal/enrichment/enrichment.ts";
import { type EnrichmentOptions, readEnrichment } from "../../../hal/enrichment/enrichment-linux.ts";
import { failed, found, type MachineFacts, type PlatformFacts } from "../../../hal/index.ts";
import { MAX_DEVICE_TEXT, MAX_ENRICHMENT_CHARS, MAX_ENRICHMENT_ENTRIES } from "../../../hal/limits.ts";
import { makeFacts } from "../../sim/machine-samples.ts";

function moduleAs(behaviour: string, file = ""): string {
  const address = new URL("./enrichment-child.ts", import.meta.url);
  address.searchParams.set("as", behaviour);
  address.searchParams.set("file", file);
  return address.href;
}

function readAs(behaviour: string, options: EnrichmentOptions = {}) {
  return readEnrichment(makeFacts(), { module: moduleAs(behaviour), timeoutMs: 60_000, ...options });
}

test("what a PC's helper programs tell, without serial numbers", async (t) => {
  const result = await readAs("pc");
  t.strictSame(result, {
    kind: "found",
    value: {
      memoryModules: {
        kind: "found",
        value: [
          { sizeBytes: 2 ** 34, type: "DDR4", megatransfersPerSecond: 3200, formFactor: "DIMM" },
          { sizeBytes: 2 ** 33, type: undefined, megatransfersPerSecond: undefined, formFactor: undefined },
        ],
      },
      gpus: {
        kind: "found",
        value: [
          { model: "GeForce RTX 4090", vramBytes: 24_564 * 2 ** 20 },
          { model: "UHD 770", vramBytes: undefined },
        ],
      },
      disks: {
        kind: "found",
        value: [
          { device: "sda", model: "Samsung SSD 870", interface: "SATA" },
          { device: "nvme0n1", model: undefined, interface: "PCIe" },
        ],
      },
    },
  });
  t.notMatch(JSON.stringify(result), /SECRET/);
});

test("answers that are none are told, each by itself", async (t) => {
  t.match(await readAs("garbage"), {
    kind: "found",
    value: {
      memoryModules: { kind: "failed", error: { code: "malformed", message: "no list of memory modules" } },
      gpus: { kind: "failed", error: { code: "malformed" } },
      disks: { kind: "failed", error: { code: "malformed" } },
    },
  });
  t.match(await readAs("empty"), {
    kind: "found",
    value: {
      memoryModules: { kind: "absent", why: /dmidecode/ },
      gpus: { kind: "absent", why: /lspci/ },
      disks: { kind: "absent", why: /lsblk/ },
    },
  });
  const broken = { kind: "failed", error: { code: "unreadable" } };
  t.match(await readAs("throw"), { kind: "found", value: { memoryModules: broken, gpus: broken, disks: broken } });
  t.match(await readAs("throw"), { value: { gpus: { error: { message: "graphics(): graphics broke here" } } } });
});

test("a flood is cut", async (t) => {
  const result = await readAs("flood");
  if (result.kind !== "found") return t.fail(JSON.stringify(result));
  const { memoryModules, gpus, disks } = result.value;
  t.match(memoryModules, { kind: "absent" }, "a type without a visible character is none");
  t.match(gpus, { kind: "found", value: { length: MAX_ENRICHMENT_ENTRIES } });
  t.match(disks, { kind: "found", value: { length: MAX_ENRICHMENT_ENTRIES } });
  if (gpus.kind === "found")
    t.ok(gpus.value.every(({ model, vramBytes }) => model.length <= MAX_DEVICE_TEXT && vramBytes === undefined));
  if (disks.kind === "found") t.ok(disks.value.every(({ model }) => model?.length === MAX_DEVICE_TEXT));
});

test("a package that is missing, or too old, is named", async (t) => {
  const missing = { module: "no-such-package-of-ours", timeoutMs: 60_000 };
  t.strictSame(await readEnrichment(makeFacts(), missing), {
    kind: "absent",
    why: "the optional package systeminformation is missing: it is not installed",
  });
  t.match(await readAs("without"), { kind: "absent", why: /systeminformation is missing: it has no diskLayout\(\)/ });
});

test("one that hangs is given up, and its helper programs end with it", async (t) => {
  const late = { kind: "failed", error: { code: "timeout", message: /gave no answer within 0.001 s/ } };
  t.match(await readAs("hang", { timeoutMs: 1 }), { kind: "found", value: { memoryModules: late, gpus: late, disks: late } });

  const folder = mkdtempSync(join(tmpdir(), "bonusnode-enrichment-"));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "pids");
  const pids = (): number[] => (existsSync(file) ? readFileSync(file, "utf8").trim().split("\n").map(Number) : []);
  const stop = new AbortController();
  const reading = readAs("hang", { module: moduleAs("hang", file), signal: stop.signal });
  while (pids().length < 3) await new Promise(setImmediate);
  stop.abort(new Error("enough"));
  await t.rejects(reading, { message: "enough" });
  while (pids().some(isRunning)) await new Promise(setImmediate);
  await t.rejects(readAs("pc", { signal: stop.signal }), { message: "enough" });
});

/** Whether a process still does something: one that ended may wait for whoever collects it. */
function isRunning(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

test("only machines with the helper programs are asked", async (t) => {
  const on = (arch: string, platform: Partial<PlatformFacts> = {}): MachineFacts => {
    return { ...makeFacts({ arch }), platform: found(platform as PlatformFacts) };
  };
  t.equal(whyNotEnriched(on("x86_64")), undefined);
  t.equal(whyNotEnriched(on("i686")), undefined);
  t.match(whyNotEnriched(on("aarch64")), /only PCs and servers/);
  t.match(whyNotEnriched(on("x86_64", { initKind: "busybox" })), /BusyBox/);
  const openwrt = { release: "24.10.0" } as unknown as PlatformFacts["openwrt"];
  t.match(whyNotEnriched(on("x86_64", { openwrt })), /OpenWrt/);
  t.match(whyNotEnriched({ ...makeFacts(), cpu: failed("denied", "-") }), /only PCs/);
  t.match(await readEnrichment(on("armv7l"), { module: moduleAs("throw") }), { kind: "absent", why: /only PCs/ });
});

test("whatever an answer holds, what is taken of it is bounded and fit to be shown", (t) => {
  const odd = fc.oneof(fc.anything(), fc.string({ unit: "binary" }), fc.double(), fc.constantFrom("/dev/sda", "DDR5", 2 ** 34));
  const entry = fc.record(
    {
      size: odd,
      type: odd,
      clockSpeed: odd,
      formFactor: odd,
      model: odd,
      memoryTotal: odd,
      device: odd,
      name: odd,
      interfaceType: odd,
    },
    { requiredKeys: [] },
  );
  const answers = fc.oneof(fc.anything(), fc.array(fc.oneof(entry, fc.anything())), fc.record({ controllers: fc.array(entry) }));
  fc.assert(
    fc.property(answers, fc.constantFrom("memLayout", "graphics", "diskLayout"), (answer, call) => {
      const sent = JSON.stringify({ answer: pickAnswer(call, answer) ?? null });
      if (sent.length > MAX_ENRICHMENT_CHARS) return false;
      const picked = (JSON.parse(sent) as { readonly answer: unknown }).answer;
      const parse = { memLayout: parseMemoryModules, graphics: parseGpuNames, diskLayout: parseDiskNames }[call];
      const result = parse(picked);
      if (result.kind !== "found") return true;
      const values = result.value.flatMap((each) => Object.values(each) as unknown[]);
      return (
        result.value.length <= MAX_ENRICHMENT_ENTRIES &&
        values.every((value) =>
          typeof value === "string"
            ? value !== "" && value.length <= MAX_DEVICE_TEXT && !/\p{Cc}/u.test(value)
            : value === undefined || (Number.isSafeInteger(value) && Number(value) > 0),
        )
      );
    }),
  );
  t.notOk(isEnrichmentCall("getAllData"));
  t.notOk(isEnrichmentCall("toString"));
  t.end();
});

test("the real package answers on this machine, or says why it does not", async (t) => {
  const result = await readEnrichment(makeFacts());
  if (result.kind !== "found") return t.match(result, { kind: "absent", why: /systeminformation is missing/ });
  for (const [name, answer] of Object.entries(result.value)) {
    t.ok(answer.kind !== "found" || answer.value.length > 0, `${name}: ${JSON.stringify(answer)}`);
  }
});

/** What dmidecode prints of two slots, after the sample in its manual page; DMTF DSP0134 section 7.18 has the fields. */
const DMIDECODE = `# dmidecode 3.4
Handle 0x0011, DMI type 17, 92 bytes
Memory Device
	Total Width: 64 bits
	Data Width: 64 bits
	Size: 16 GB
	Form Factor: SODIMM
	Locator: DIMM A
	Bank Locator: BANK 0
	Type: DDR5
	Type Detail: Synchronous
	Speed: 5600 MT/s
	Manufacturer: Example
	Serial Number: SECRET7
	Part Number: EX-16
	Configured Memory Speed: 4800 MT/s

Handle 0x0012, DMI type 17, 92 bytes
Memory Device
	Size: No Module Installed
	Form Factor: SODIMM
	Type: Unknown
`;

const LSPCI = `00:00.0 Host bridge: Intel Corporation Device 4621
01:00.0 VGA compatible controller: Advanced Micro Devices, Inc. [AMD/ATI] Navi 23 [Radeon RX 6600] (rev c7) (prog-if 00 [VGA controller])
	Subsystem: Example Device 1234
	Memory at 6000000000 (64-bit, prefetchable) [size=8G]
`;

const DISK = {
  name: "sda",
  type: "disk",
  size: 1000,
  model: "Example SSD",
  tran: "sata",
  serial: "SECRET8",
  rev: "1",
  vendor: "ATA",
};

test("the real package with helper programs that answer as those of a PC", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "bonusnode-enrichment-"));
  const path = process.env["PATH"];
  t.teardown(() => {
    process.env["PATH"] = path;
    rmSync(folder, { recursive: true });
  });
  const install = (name: string, output: string): void => {
    writeFileSync(join(folder, `${name}.out`), output);
    writeFileSync(join(folder, name), `#!/bin/sh\ncat "$0.out"\n`, { mode: 0o755 });
  };
  install("dmidecode", DMIDECODE);
  install("lspci", LSPCI);
  install("lsblk", JSON.stringify({ blockdevices: [DISK] }));
  install("smartctl", "no such device\n");
  process.env["PATH"] = `${folder}:${path}`;
  const result = await readEnrichment(makeFacts(), { timeoutMs: 60_000 });
  if (result.kind !== "found") return t.match(result, { kind: "absent", why: /systeminformation is missing/ });
  t.match(result.value, {
    memoryModules: {
      kind: "found",
      value: [{ sizeBytes: 16 * 2 ** 30, type: "DDR5", megatransfersPerSecond: 4800, formFactor: "SODIMM" }],
    },
    gpus: { kind: "found", value: [{ model: /Radeon RX 6600/, vramBytes: undefined }] },
    disks: { kind: "found", value: [{ device: "sda", model: "Example SSD", interface: "SATA" }] },
  });
  t.notMatch(JSON.stringify(result), /SECRET/);
});
