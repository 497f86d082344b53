import { failure, type Result, success } from "../base/index.ts";
import { BANDWIDTH_DEFAULTS, type BandwidthBenchmarkTask, parseBandwidthToken, parseEndpoint } from "../hal/index.ts";
import { readTextFile } from "./files-linux.ts";

/** The token in a file; or a line that says why there is none and what to do. */
export async function readBandwidthToken(file: string): Promise<Result<string, string>> {
  const text = await readTextFile(file, `make one with "head -c 24 /dev/urandom | base64 > ${file}"`);
  if (!text.ok) return text;
  const token = parseBandwidthToken(text.value);
  return token === undefined
    ? failure(`${file}: a token is one line of 20 to 256 visible characters, such as "head -c 24 /dev/urandom | base64" gives`)
    : success(token);
}

/**
 * What a person at the command line wants measured: `HOST:PORT` and the file of its token. That they ask is their consent, also on a
 * link that is paid by the byte.
 */
export async function readBandwidthTask(hostPort: string, tokenFile: string): Promise<Result<BandwidthBenchmarkTask, string>> {
  const endpoint = parseEndpoint(hostPort);
  if (endpoint === undefined || endpoint.port === 0) return failure(`"${hostPort}" is no HOST:PORT, such as example.net:7410`);
  const token = await readBandwidthToken(tokenFile);
  return token.ok ? success({ ...BANDWIDTH_DEFAULTS, endpoint, token: token.value, allowMetered: true }) : token;
}
