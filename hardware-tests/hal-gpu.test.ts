import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, existsSync, globSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import t from "tap";
import type { MachineProbe } from "../hal/index.ts";

/*
 * The GPU measurement with the real package `webgpu` and a real Vulkan driver: SwiftShader, a program that calls itself a GPU, out of
 * Debian's chromium-common. The package is put beside a copy of the built program, as an owner would; this checkout stays without it.
 * Both are fetched once and stay in the checkout's cache.
 */

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const CACHE = join(ROOT, "node_modules", ".cache", "bonusnode-gpu");
const DRIVER = join("usr", "lib", "chromium");

t.setTimeout(600_000);

/** The folder of this name in the cache; made in another place first, so that one that is there is whole. */
function cached(name: string, make: (folder: string) => void): string {
  const folder = join(CACHE, name);
  if (existsSync(folder)) return folder;
  const unfinished = `${folder}.${process.pid}`;
  mkdirSync(unfinished, { recursive: true });
  try {
    make(unfinished);
    renameSync(unfinished, folder);
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
  return folder;
}

/** A folder whose `node_modules` holds the package in the version that package.json asks for. */
function webgpuFiles(): string {
  const manifest = JSON.parse(execFileSync("npm", ["pkg", "get", "peerDependencies"], { cwd: ROOT, encoding: "utf8" })) as {
    readonly webgpu: string;
  };
  return cached(`webgpu-${manifest.webgpu}`, (folder) => {
    const options = ["--ignore-scripts", "--no-save", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error"];
    execFileSync("npm", ["install", ...options, "--prefix", folder, `webgpu@${manifest.webgpu}`], { stdio: "inherit" });
    // Those of other systems are most of it.
    for (const build of globSync(join(folder, "node_modules", "webgpu", "dist", "*"))) {
      if (!build.endsWith(`linux-${process.arch}`)) rmSync(build, { recursive: true });
    }
  });
}

/** A folder with SwiftShader and a Vulkan loader. */
function swiftshaderFiles(): string {
  const files = cached("chromium-common", (folder) => {
    execFileSync("apt-get", ["update", "-q"], { stdio: ["ignore", "ignore", "inherit"] });
    // Its own unprivileged user could not write here.
    execFileSync("apt-get", ["-q", "-o", "APT::Sandbox::User=root", "download", "chromium-common"], {
      cwd: folder,
      stdio: ["ignore", "ignore", "inherit"],
    });
    const [name = ""] = readdirSync(folder).filter((file) => file.endsWith(".deb"));
    execFileSync("dpkg-deb", ["-x", join(folder, name), join(folder, "all")]);
    mkdirSync(join(folder, DRIVER), { recursive: true });
    for (const file of ["libvk_swiftshader.so", "libvulkan.so.1", "vk_swiftshader_icd.json"])
      cpSync(join(folder, "all", DRIVER, file), join(folder, DRIVER, file));
    rmSync(join(folder, "all"), { recursive: true });
    rmSync(join(folder, name));
  });
  return join(files, DRIVER);
}

/** The built program with links to its packages; removed at the end. */
function copyProgram(packages: readonly string[]): string {
  const program = mkdtempSync(join(tmpdir(), "bonusnode-gpu-"));
  t.teardown(() => rmSync(program, { recursive: true }));
  cpSync(join(ROOT, "dist"), join(program, "dist"), { recursive: true });
  mkdirSync(join(program, "node_modules"));
  for (const folder of packages) {
    for (const name of readdirSync(folder).filter((entry) => !entry.startsWith(".") && entry !== "webgpu"))
      if (!existsSync(join(program, "node_modules", name))) symlinkSync(join(folder, name), join(program, "node_modules", name));
  }
  return program;
}

/** Runs Node on a program with a Vulkan driver, or with none. */
function runNode(args: readonly string[], driver?: string): string {
  const drivers =
    driver === undefined ? {} : { LD_LIBRARY_PATH: driver, VK_ICD_FILENAMES: join(driver, "vk_swiftshader_icd.json") };
  const env = { PATH: process.env["PATH"], HOME: tmpdir(), ...drivers };
  const end = spawnSync("env", ["-u", "NODE_OPTIONS", process.execPath, ...args], { encoding: "utf8", env, timeout: 120_000 });
  if (end.stdout === "") t.comment(end.stderr);
  return end.stdout;
}

function probeGpu(program: string, driver?: string): MachineProbe["measured"]["gpu"] {
  const main = join(program, "dist", "cli", "main.js");
  return (JSON.parse(runNode([main, "probe", "--only", "gpu", "--json"], driver)) as MachineProbe).measured.gpu;
}

t.test("without the package the GPU is named as not measured, and why", async (t) => {
  const program = copyProgram([join(ROOT, "node_modules")]);
  t.match(probeGpu(program), { kind: "absent", why: /the optional package webgpu is missing: it is not installed/ });
});

t.test("a program that calls itself a GPU is none, though the kernel runs on it", async (t) => {
  const packages = join(webgpuFiles(), "node_modules");
  const driver = swiftshaderFiles();
  const program = copyProgram([join(ROOT, "node_modules"), packages]);
  // A link would have the package look for its own packages in the cache, which is right; its name is what the program looks for.
  symlinkSync(join(packages, "webgpu"), join(program, "node_modules", "webgpu"));

  t.match(probeGpu(program, driver), { kind: "absent", why: /^only SwiftShader .* is a program and no GPU$/ });
  t.match(probeGpu(program), { kind: "absent", why: /WebGPU finds no adapter/ });

  const worker = join(program, "dist", "hal", "benchmarks", "gpu-worker-linux.js");
  const lines = runNode([worker, "2000", "any"], driver).trimEnd().split("\n");
  const report = JSON.parse(lines.at(-1) ?? "") as { readonly kind: string; readonly slices: readonly number[] };
  t.match(report, { kind: "measured", adapter: { architecture: "swiftshader", isFallback: true } });
  t.ok(Math.max(...report.slices) > 0, `${Math.max(...report.slices).toFixed(2)} GFLOP/s`);
});
