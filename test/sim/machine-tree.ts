/**
 * A machine in memory: the tree of a captured one with single files replaced, and a host that reads it as the kernel would. Every
 * kind of damage that a real machine can show is a value here.
 */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { absent, failed, found, type Host, type ProbeResult, type VolumeSize } from "../../hal/index.ts";

/** A file's text; a link; or what happens instead of an answer. */
export type Node = string | { readonly link: string } | { readonly fault: "denied" | "unreadable" | "hangs" };

export interface MachineTree {
  readonly nodes: ReadonlyMap<string, Node>;
  readonly volumes: ReadonlyMap<string, VolumeSize>;
}

/** A tree written down in a test. */
export function makeTree(nodes: Readonly<Record<string, Node>>, volumes: Readonly<Record<string, VolumeSize>> = {}): MachineTree {
  return { nodes: new Map(Object.entries(nodes)), volumes: new Map(Object.entries(volumes)) };
}

/** The same machine with some files other than they were. */
export function withNodes(tree: MachineTree, changes: Readonly<Record<string, Node>>): MachineTree {
  return { ...tree, nodes: new Map([...tree.nodes, ...Object.entries(changes)]) };
}

/** Reads a captured machine from a folder of test/fixtures/boards. */
export function loadTree(directory: string): MachineTree {
  const nodes = new Map<string, Node>();
  const visit = (path: string): void => {
    for (const entry of readdirSync(join(directory, path), { withFileTypes: true })) {
      const below = `${path}/${entry.name}`;
      if (entry.isSymbolicLink()) nodes.set(below, { link: readlinkSync(join(directory, below)) });
      else if (entry.isDirectory()) visit(below);
      else nodes.set(below, readFileSync(join(directory, below), "utf8"));
    }
  };
  visit("");
  const volumes = JSON.parse(readFileSync(join(directory, "volumes.json"), "utf8")) as Record<string, VolumeSize>;
  return { nodes, volumes: new Map(Object.entries(volumes)) };
}

/** A host that reads the tree. */
export function makeSimHost(tree: MachineTree): Host {
  return {
    readText: (path, maxBytes) => lookUp(tree, path, (node) => textOf(node, path, maxBytes)),
    list: async (path) => {
      const at = follow(tree, path);
      if (typeof at !== "string") return at;
      const prefix = at === "/" ? "/" : `${at}/`;
      const names = [...tree.nodes.keys()].flatMap((key) =>
        key.startsWith(prefix) ? (key.slice(prefix.length).split("/")[0] ?? []) : [],
      );
      return names.length === 0 ? absent(`${path} is not there`) : found([...new Set(names)].sort());
    },
    readLink: async (path) => {
      const parent = follow(tree, path.slice(0, path.lastIndexOf("/")) || "/");
      if (typeof parent !== "string") return parent;
      const node = tree.nodes.get(`${parent === "/" ? "" : parent}${path.slice(path.lastIndexOf("/"))}`);
      return typeof node === "object" && "link" in node ? found(node.link) : absent(`${path} is not there`);
    },
    readVolumeSize: async (path) => {
      const volume = tree.volumes.get(path);
      return volume === undefined ? absent(`${path} is not there`) : found(volume);
    },
  };
}

async function lookUp(
  tree: MachineTree,
  path: string,
  answer: (node: Node) => Promise<ProbeResult<string>> | ProbeResult<string>,
): Promise<ProbeResult<string>> {
  const at = follow(tree, path);
  if (typeof at !== "string") return at;
  const node = tree.nodes.get(at);
  if (node !== undefined) return answer(node);
  const isDirectory = [...tree.nodes.keys()].some((key) => key.startsWith(`${at}/`));
  return isDirectory ? failed("unreadable", `cannot read ${path}: it is a directory`) : absent(`${path} is not there`);
}

function textOf(node: Node, path: string, maxBytes: number): Promise<ProbeResult<string>> | ProbeResult<string> {
  if (typeof node === "string") {
    return Buffer.byteLength(node) > maxBytes ? failed("too-large", `${path} is too large`) : found(node);
  }
  if ("link" in node) return failed("unreadable", `cannot read ${path}: a link without an end`);
  if (node.fault === "hangs") return new Promise(() => undefined);
  return failed(node.fault, node.fault === "denied" ? `no permission to read ${path}` : `cannot read ${path}: EIO`);
}

const MAX_LINKS = 40;

/** The path with every link on it followed, or why there is none. */
function follow(tree: MachineTree, path: string): string | ReturnType<typeof failed> {
  let rest = path.split("/").filter((part) => part !== "");
  let at: string[] = [];
  for (let links = 0; rest.length > 0; ) {
    const part = rest[0] ?? "";
    rest = rest.slice(1);
    if (part === ".") continue;
    if (part === "..") {
      at = at.slice(0, -1);
      continue;
    }
    const node = tree.nodes.get(`/${[...at, part].join("/")}`);
    if (typeof node !== "object" || !("link" in node)) {
      at = [...at, part];
      continue;
    }
    links += 1;
    if (links > MAX_LINKS) return failed("unreadable", `cannot read ${path}: ELOOP`);
    if (node.link.startsWith("/")) at = [];
    rest = [...node.link.split("/").filter((name) => name !== ""), ...rest];
  }
  return `/${at.join("/")}`;
}
