/** What client and server agree on before a transfer. RFC 2347, 2348 (blksize), 2349 (timeout, tsize), 7440 (windowsize). */
import type { TftpOptions } from "./packet.ts";

export type Agreement = {
  readonly blockBytes: number;
  /** Blocks sent before an ACK is awaited. */
  readonly windowBlocks: number;
  /** The longest wait before a block is sent again that the client wishes; undefined: ours. Milliseconds. */
  readonly longestWaitMs: number | undefined;
  /** What the OACK says; empty: no OACK is sent and DATA 1 comes at once. */
  readonly accepted: TftpOptions;
};

/** RFC 1350. */
const defaultBlockBytes = 512;
/** Some clients fail above 64, and a window is one burst into the switch. Our choice. */
const largestWindow = 64;

/** Options that are unknown or out of range are left out of the answer, which is how RFC 2347 says no. */
export function negotiate(
  options: TftpOptions,
  file: { readonly bytes: number; readonly maxBlockBytes: number },
): Agreement {
  const blockBytes = wholeNumber(options.get("blksize"), 8, 65464);
  const windowBlocks = wholeNumber(options.get("windowsize"), 1, 65535);
  const timeoutSeconds = wholeNumber(options.get("timeout"), 1, 255);
  const accepted = new Map<string, string>();
  const agreedBlockBytes =
    blockBytes === undefined ? defaultBlockBytes : Math.min(blockBytes, file.maxBlockBytes);
  const agreedWindow = Math.min(windowBlocks ?? 1, largestWindow);
  for (const name of options.keys()) {
    if (name === "blksize" && blockBytes !== undefined) accepted.set(name, String(agreedBlockBytes));
    if (name === "windowsize" && windowBlocks !== undefined) accepted.set(name, String(agreedWindow));
    if (name === "timeout" && timeoutSeconds !== undefined) accepted.set(name, String(timeoutSeconds));
    if (name === "tsize") accepted.set(name, String(file.bytes));
  }
  return {
    blockBytes: agreedBlockBytes,
    windowBlocks: agreedWindow,
    longestWaitMs: timeoutSeconds === undefined ? undefined : timeoutSeconds * 1_000,
    accepted,
  };
}

function wholeNumber(text: string | undefined, least: number, most: number): number | undefined {
  if (text === undefined || !/^[0-9]{1,9}$/.test(text)) return undefined;
  const value = Number(text);
  return value >= least && value <= most ? value : undefined;
}
