import { type ChildProcess, execFileSync, spawn } from "node:child_process";

/** Two network namespaces with a link between them that lets a known number of bits through, each way. */
export interface ShapedLink {
  /** The far side's address. */
  readonly address: string;
  /** Starts a program on one side. */
  start(side: "near" | "far", program: string, args: readonly string[]): ChildProcess;
  /** Runs a program on one side to its end, and answers what it printed. */
  run(side: "near" | "far", program: string, args: readonly string[]): Promise<string>;
  /** Changes what the link lets through. */
  shape(bitsPerSecond: number): void;
  remove(): void;
}

/**
 * Makes the namespaces with ip(8) and shapes both ends with tc-tbf(8), whose rate counts Ethernet headers too; needs root. `name` keeps
 * two of them apart.
 */
export function makeShapedLink(name: string, bitsPerSecond: number): ShapedLink {
  const sides = { near: `${name}-near`, far: `${name}-far` };
  const devices = { near: `${name}0`, far: `${name}1` };
  const addresses = { near: "10.99.0.1", far: "10.99.0.2" };
  const ip = (...args: string[]): void => void execFileSync("ip", args, { stdio: ["ignore", "ignore", "inherit"] });
  for (const side of Object.values(sides)) ip("netns", "add", side);
  ip("link", "add", devices.near, "netns", sides.near, "type", "veth", "peer", "name", devices.far, "netns", sides.far);
  for (const side of ["near", "far"] as const) {
    ip("-n", sides[side], "address", "add", `${addresses[side]}/24`, "dev", devices[side]);
    for (const device of ["lo", devices[side]]) ip("-n", sides[side], "link", "set", device, "up");
  }
  const link: ShapedLink = {
    address: addresses.far,
    start: (side, program, args) =>
      spawn("ip", ["netns", "exec", sides[side], program, ...args], { stdio: ["ignore", "pipe", "inherit"] }),
    run: async (side, program, args) => {
      const child = link.start(side, program, args);
      let output = "";
      child.stdout?.on("data", (chunk: Buffer) => {
        output += chunk.toString();
      });
      const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
      if (code !== 0) throw new Error(`${program} ${args.join(" ")} ended with ${code}: ${output.slice(-500)}`);
      return output;
    },
    shape: (rate) => {
      for (const side of ["near", "far"] as const) {
        const shaper = ["root", "tbf", "rate", `${rate}bit`, "burst", "64kb", "latency", "50ms"];
        execFileSync("ip", ["netns", "exec", sides[side], "tc", "qdisc", "replace", "dev", devices[side], ...shaper]);
      }
    },
    remove: () => {
      for (const side of Object.values(sides)) ip("netns", "delete", side);
    },
  };
  link.shape(bitsPerSecond);
  return link;
}
