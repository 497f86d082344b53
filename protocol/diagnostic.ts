import { toHex } from "../base/index.ts";
import type { CborMap, CborValue } from "./cbor.ts";

/** A value in CBOR diagnostic notation (RFC 8949 section 8), a map entry a line, for people and for the published samples. */
export function toDiagnostic(value: CborValue, indent = ""): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (value instanceof Uint8Array) return `h'${toHex(value)}'`;
  if (Array.isArray(value)) return listed(value, indent);
  if (value instanceof Map) return mapped(value, indent);
  return String(value);
}

function listed(list: readonly CborValue[], indent: string): string {
  const flat = list.map((item) => toDiagnostic(item, `${indent}  `));
  const line = `[${flat.join(", ")}]`;
  if (line.length + indent.length <= 110 && !line.includes("\n")) return line;
  return `[\n${flat.map((item) => `${indent}  ${item}`).join(",\n")}\n${indent}]`;
}

function mapped(map: CborMap, indent: string): string {
  if (map.size === 0) return "{}";
  const lines = [...map].map(([key, item]) => `${indent}  ${toDiagnostic(key)}: ${toDiagnostic(item, `${indent}  `)}`);
  return `{\n${lines.join(",\n")}\n${indent}}`;
}
