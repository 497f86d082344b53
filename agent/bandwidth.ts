import { messageOf, readFileBounded } from "../base/index.ts";
import { BANDWIDTH_DEFAULTS, type BandwidthBenchmarkTask, parseBandwidthToken, parseEndpoint } from "../hal/index.ts";
import type { AgentConfig } from "./config.ts";
import { AgentError } from "./errors.ts";

/** A token's file, in bytes; a token has at most 256 characters. */
const MAX_TOKEN_FILE_BYTES = 1024;

/** What the network is measured against; undefined without the owner's consent. Throws AgentError `bad-config`. */
export async function readBandwidthTask(config: AgentConfig["bandwidth"]): Promise<BandwidthBenchmarkTask | undefined> {
  const { consent, endpoint: text = "", token_file: file = "", bytes, allow_metered: allowMetered } = config;
  if (!consent) return undefined;
  const endpoint = parseEndpoint(text);
  if (endpoint === undefined) throw new AgentError("bad-config", `[bandwidth] endpoint: "${text}" is no host:port`);
  const token = await readToken(file);
  return { ...BANDWIDTH_DEFAULTS, endpoint, token, byteCap: bytes, allowMetered };
}

async function readToken(file: string): Promise<string> {
  let text: string;
  try {
    text = Buffer.from(await readFileBounded(file, MAX_TOKEN_FILE_BYTES)).toString();
  } catch (thrown) {
    throw new AgentError("bad-config", `[bandwidth] token_file: ${messageOf(thrown)}`, { cause: thrown });
  }
  const token = parseBandwidthToken(text);
  if (token === undefined) throw new AgentError("bad-config", `[bandwidth] token_file: ${file} holds no token of an endpoint`);
  return token;
}
