import { isIP } from "node:net";
import { failure, type Result, success } from "../../../base/index.ts";
import type { Server, Target } from "./runner/job.ts";

/**
 * Targets as assignments write them, read strictly: a host is a canonical address or a DNS name and nothing in between,
 * because what is in between (`127.1`, `0x7f.1`, `2130706433`, `010.0.0.1`) is an address to some libraries and a name to
 * others, and a check that reads it one way does not hold for a connection that reads it the other way. For the same reason a
 * URL is taken apart here and its path is sent as it stands: no second parser ever sees it. Every problem is a short phrase.
 */

/** RFC 3986, with what has no use here left out: user names, fragments, escapes in the host. */
const URL_FORM =
  /^(https?):\/\/(\[[0-9a-fA-F:.]{2,45}\]|[A-Za-z0-9._-]{1,254})(?::([0-9]{1,5}))?((?:[/?][\x21\x22\x24-\x7e]*)?)$/;
const HOST_AND_PORT = /^(\[[0-9a-fA-F:.]{2,45}\]|[A-Za-z0-9._-]{1,254}):([0-9]{1,5})$/;

/** A target of `method`, or what is wrong with it. */
export function parseTarget(method: "ping" | "dns" | "tcp" | "http", text: string): Result<Target, string> {
  switch (method) {
    case "ping":
      return withHost(text, text, {});
    case "dns":
      return isIP(text) === 0 ? withHost(text, text, {}) : failure("an address where a domain name belongs");
    case "tcp":
      return parseHostAndPort(text);
    case "http":
      return parseUrl(text);
  }
}

/** A DNS server: an address, alone or with a port (`192.0.2.1:5353`, `[2001:db8::1]:5353`), or what is wrong with it. */
export function parseServer(text: string): Result<Server, string> {
  if (isIP(text) !== 0) return success({ address: text, port: 53 });
  const match = /^(?:\[([^\]]{2,64})\]|([0-9.]{7,15}))(?::([0-9]{1,5}))?$/.exec(text);
  const address = match?.[1] ?? match?.[2] ?? "";
  const port = match?.[3] === undefined ? 53 : readPort(match[3]);
  if (isIP(address) === 0) return failure("a name server is given by its address");
  return port === undefined ? failure("a port from 1 to 65535 is missing") : success({ address, port });
}

function parseHostAndPort(text: string): Result<Target, string> {
  const match = HOST_AND_PORT.exec(text);
  if (match?.[1] === undefined) return failure("not host:port");
  const port = readPort(match[2]);
  return port === undefined ? failure("a port from 1 to 65535 is missing") : withHost(text, unbracketed(match[1]), { port });
}

function parseUrl(text: string): Result<Target, string> {
  const match = URL_FORM.exec(text);
  if (match?.[2] === undefined) return failure("not a plain http or https URL");
  const [, scheme, host, portText, pathText = ""] = match;
  const isSecure = scheme === "https";
  const port = portText === undefined ? (isSecure ? 443 : 80) : readPort(portText);
  if (port === undefined) return failure("a port from 1 to 65535 is missing");
  const path = pathText.startsWith("/") ? pathText : `/${pathText}`;
  return withHost(text, unbracketed(host), { port, path, isSecure });
}

function withHost(text: string, host: string, more: Omit<Target, "text" | "host">): Result<Target, string> {
  if (isIP(host) !== 0) {
    return host.includes("%") ? failure("an address with a zone") : success({ text, host: host.toLowerCase(), ...more });
  }
  const name = host.toLowerCase().replace(/\.$/, "");
  return isDomainName(name) ? success({ text, host: name, ...more }) : failure("neither a canonical address nor a domain name");
}

/**
 * RFC 1123 section 2.1, underscores allowed before the last label; a last label that starts with a digit would be a number to
 * some.
 */
function isDomainName(name: string): boolean {
  const labels = name.split(".");
  const isLabel = (label: string): boolean => /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/.test(label);
  return name.length <= 253 && labels.every(isLabel) && /^[a-z][a-z0-9-]*$/.test(labels.at(-1) ?? "");
}

function unbracketed(host: string): string {
  return host.startsWith("[") ? host.slice(1, -1) : host;
}

function readPort(text: string | undefined): number | undefined {
  const port = Number(text);
  return Number.isInteger(port) && port >= 1 && port <= 65_535 ? port : undefined;
}
