/**
 * Whether this process lives in a container, and whose. A marker file alone does not decide the first: images exported from
 * containers carry it onto real machines.
 */
import type { Host } from "../host.ts";
import { MAX_ATTRIBUTE_BYTES } from "../limits.ts";
import { known } from "../probe-result.ts";
import { parseMembership } from "./cgroup.ts";
import { readAttribute } from "./text.ts";

/** Programs that run containers. */
const ENGINES = ["kubernetes", "podman", "lxc", "systemd-nspawn", "docker"] as const;

/** `containerEngine` is undefined where it is unknown, or there is no container. */
export interface Container {
  readonly isContainer: boolean | undefined;
  readonly containerEngine: (typeof ENGINES)[number] | undefined;
}

/** Traces of a container. */
export interface ContainerTraces {
  /** Engines whose files are there: /.dockerenv, /run/.containerenv (podman), a service account of Kubernetes. */
  readonly markers: readonly Container["containerEngine"][];
  /** What the engine calls itself in /run/host/container-manager or /run/systemd/container (systemd's container interface). */
  readonly manager: string | undefined;
  /** Paths of the process's control groups. */
  readonly groupPaths: readonly string[];
  /** Targets of /proc/self/ns/pid and /proc/self/ns/cgroup. */
  readonly pidNamespace: string | undefined;
  readonly cgroupNamespace: string | undefined;
}

/** The kernel's first namespaces have fixed numbers (include/linux/proc_ns.h: PROC_PID_INIT_INO, PROC_CGROUP_INIT_INO). */
const FIRST_PID_NAMESPACE = "pid:[4026531836]";
const FIRST_CGROUP_NAMESPACE = "cgroup:[4026531835]";

const ENGINE_GROUP =
  /\/(docker|lxc|lxc\.payload[^/]*|libpod[^/]*|kubepods[^/]*|containerd|machine\.slice)(\/|-|$)|docker-[0-9a-f]{12}/;

/** Control groups as the engines name them. */
const GROUPS_OF_ENGINES: readonly (readonly [RegExp, Container["containerEngine"]])[] = [
  [/\/kubepods/, "kubernetes"],
  [/\/libpod/, "podman"],
  [/\/lxc(\.payload[^/]*)?(\/|$)/, "lxc"],
  [/\/docker(\/|-)/, "docker"],
];

/** Whether the process lives in a container (undefined where nothing tells), and whose. Pure. */
export function classifyContainer(traces: ContainerTraces): Container {
  const isContainer = isContained(traces);
  return { isContainer, containerEngine: isContainer === true ? engineOf(traces) : undefined };
}

function isContained({ groupPaths, markers, manager, pidNamespace, cgroupNamespace }: ContainerTraces): boolean | undefined {
  if (groupPaths.some((path) => ENGINE_GROUP.test(path))) return true;
  if (pidNamespace === undefined) return markers.length > 0 || manager !== undefined ? true : undefined;
  return pidNamespace !== FIRST_PID_NAMESPACE || (cgroupNamespace !== undefined && cgroupNamespace !== FIRST_CGROUP_NAMESPACE);
}

/** Kubernetes first, because it has others run its containers. */
function engineOf({ groupPaths, markers, manager }: ContainerTraces): Container["containerEngine"] {
  const grouped = GROUPS_OF_ENGINES.find(([pattern]) => groupPaths.some((path) => pattern.test(path)))?.[1];
  const named = ENGINES.find((engine) => engine === manager);
  return markers.includes("kubernetes") ? "kubernetes" : (named ?? grouped ?? markers[0]);
}

/** Reads the traces and tells. */
export async function readContainer(host: Host): Promise<Container> {
  const groups = known(await host.readText("/proc/self/cgroup", MAX_ATTRIBUTE_BYTES)) ?? "";
  const isKubernetes = (await host.list("/run/secrets/kubernetes.io/serviceaccount")).kind === "found";
  return classifyContainer({
    markers: [
      ...(isKubernetes ? ["kubernetes" as const] : []),
      ...((await hasFile(host, "/run/.containerenv")) ? ["podman" as const] : []),
      ...((await hasFile(host, "/.dockerenv")) ? ["docker" as const] : []),
    ],
    manager: (await readAttribute(host, "/run/host/container-manager")) ?? (await readAttribute(host, "/run/systemd/container")),
    groupPaths: parseMembership(groups).map((group) => group.path),
    pidNamespace: known(await host.readLink("/proc/self/ns/pid")),
    cgroupNamespace: known(await host.readLink("/proc/self/ns/cgroup")),
  });
}

async function hasFile(host: Host, path: string): Promise<boolean> {
  return (await host.readText(path, MAX_ATTRIBUTE_BYTES)).kind !== "absent";
}
