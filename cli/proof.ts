import { toHex } from "../base/index.ts";
import { type Check, explainProof } from "../bookkeeper/index.ts";
import { decodeCanonical, formatId, loadEd25519, parseEnvelope, parseId, toDiagnostic } from "../protocol/index.ts";
import { EXIT } from "./exit-codes.ts";
import { readMessageFile } from "./files-linux.ts";
import { jsonSafe } from "./points.ts";
import { formatTable } from "./table.ts";
import type { Verb } from "./world.ts";

/** What `bonusnode proof verify` was asked for. */
export interface ProofVerifyOptions {
  readonly network: string;
  readonly node?: string;
  readonly assignment?: string;
  readonly descriptor?: string;
  readonly previous?: string;
  readonly json?: boolean;
}

/** Shows a signed message of any kind: its envelope, and its claims in diagnostic notation. Nothing is verified. */
export async function runProofShow(file: string, options: { readonly json?: boolean }, verb: Verb): Promise<number> {
  const { terminal } = verb;
  const bytes = await readMessageFile(file);
  if (!bytes.ok) {
    terminal.error(bytes.error);
    return EXIT.failure;
  }
  const envelope = parseEnvelope(bytes.value);
  const payload = envelope.ok ? decodeCanonical(envelope.value.payload) : envelope;
  if (!envelope.ok || !payload.ok) {
    terminal.error(`${file}: ${payload.ok ? "" : payload.error.message}`);
    return EXIT.invalid;
  }
  const claims = payload.value;
  const issuer = claims instanceof Map ? claims.get(1) : undefined;
  const signer = issuer instanceof Uint8Array && issuer.length === 32 ? formatId(issuer) : "nobody named";
  const { role, keyId } = envelope.value;
  if (options.json === true) {
    terminal.printJson({ role, keyId: toHex(keyId), issuer: signer, bytes: bytes.value.length, claims: toDiagnostic(claims) });
    return EXIT.ok;
  }
  terminal.print(
    formatTable([
      ["message", `${role}, ${bytes.value.length} bytes`],
      ["issuer", signer],
      ["key id", toHex(keyId)],
    ]),
  );
  terminal.print(toDiagnostic(claims));
  terminal.note('The signature was not checked; "bonusnode proof verify" does that for proofs.');
  return EXIT.ok;
}

/** Says whether a proof holds, check by check, and why not. */
export async function runProofVerify(file: string, options: ProofVerifyOptions, verb: Verb): Promise<number> {
  const { terminal } = verb;
  const node = options.node === undefined ? undefined : parseId(options.node);
  if (node?.ok === false) {
    terminal.error(node.error.message);
    return EXIT.usage;
  }
  const files: Record<string, Uint8Array> = {};
  for (const [name, path] of Object.entries({
    proof: file,
    assignment: options.assignment,
    descriptor: options.descriptor,
    previous: options.previous,
  })) {
    if (path === undefined) continue;
    const bytes = await readMessageFile(path);
    if (!bytes.ok) {
      terminal.error(bytes.error);
      return EXIT.failure;
    }
    files[name] = bytes.value;
  }
  const { ed25519 } = await loadEd25519();
  const { proof = new Uint8Array(), ...against } = files;
  const { checks } = explainProof(proof, {
    network: options.network,
    ed25519,
    ...against,
    ...(node === undefined ? {} : { node: node.value }),
  });
  const holds = checks.every((check) => check.ok !== false);
  if (options.json === true) terminal.printJson(jsonSafe({ holds, checks }));
  else {
    terminal.print(
      formatTable(
        checks.map((check) => [markOf(check, verb), check.name, check.detail]),
        { width: terminal.width },
      ),
    );
    terminal.print(holds ? terminal.style("good", "the proof holds") : terminal.style("bad", "the proof does not hold"));
  }
  return holds ? EXIT.ok : EXIT.invalid;
}

function markOf(check: Check, { terminal }: Verb): string {
  if (check.ok === undefined) return terminal.style("quiet", "not checked");
  return check.ok ? terminal.style("good", "holds") : terminal.style("bad", "fails");
}
