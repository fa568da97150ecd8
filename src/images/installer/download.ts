/** The door to vendors' servers: small files whole, large ones in as many parts as it takes. */
import { open, stat, truncate } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import { isDiskFull } from "../../disk-full.ts";
import { describeError, ImagectlError } from "../../errors.ts";
import { formatBytes } from "../../quantity.ts";
import { readBytesAtMost } from "../../read-at-most.ts";
import { mostSumsBytes } from "./sums.ts";

/** For a small file, from asking to its end. Milliseconds. */
const smallTimeoutMs = 30_000;

/** So many parts in a row may bring nothing before a download is given up. Our choice. */
const mostIdleTries = 5;

/** @throws ImagectlError DOWNLOAD_FAILED. */
export async function fetchSmall(url: string, signal: AbortSignal): Promise<Buffer> {
  try {
    const response = await fetch(url, {
      signal: AbortSignal.any([signal, AbortSignal.timeout(smallTimeoutMs)]),
    });
    if (response.ok) return await readBytesAtMost(response, mostSumsBytes);
    await response.body?.cancel();
    throw refused(url, String(response.status));
  } catch (error) {
    throw unreachable(url, error, signal);
  }
}

export type DownloadOptions = {
  /** What is there already is taken as the beginning, as an earlier download left it. */
  readonly target: string;
  readonly onBytes: (doneBytes: number, allBytes: number) => void;
  /** Called before the first byte is written. @throws what ends the download. */
  readonly requireRoom: (missingBytes: number, allBytes: number) => Promise<void>;
  /** Between a part that broke off and the next one. Milliseconds. */
  readonly pauseMs: number;
  readonly signal: AbortSignal;
};

/**
 * Goes on where an earlier one ended (RFC 9110, section 14), and again where the connection breaks. Whether the bytes
 * are right is for whoever knows their sum.
 * @throws ImagectlError DOWNLOAD_FAILED; what came stays for the next time.
 */
export async function download(url: string, options: DownloadOptions): Promise<void> {
  let idleTries = 0;
  let has = await sizeOf(options.target);
  for (;;) {
    try {
      await downloadPart(url, has, options);
      return;
    } catch (error) {
      if (!isBroken(error, options.signal)) throw error;
      const now = await sizeOf(options.target);
      idleTries = now > has ? 0 : idleTries + 1;
      has = now;
      if (idleTries >= mostIdleTries) throw unreachable(url, error, options.signal);
      await pause(options.pauseMs, undefined, { signal: options.signal });
    }
  }
}

/** Whether it is worth another try: the way broke, and neither the server nor we said no. */
function isBroken(error: unknown, signal: AbortSignal): boolean {
  return !(error instanceof ImagectlError) && !isDiskFull(error) && !signal.aborted;
}

async function downloadPart(url: string, has: number, options: DownloadOptions): Promise<void> {
  const range = has > 0 ? { range: `bytes=${has}-` } : undefined;
  const headers = { "accept-encoding": "identity", ...range };
  const response = await fetch(url, { signal: options.signal, headers });
  try {
    const place = placeOf(url, response, has);
    if (place?.from !== has) await truncate(options.target, 0);
    if (place === undefined) throw new Error("what was there already is no beginning of it");
    if (place.from < place.all) await appendBody(response, place, options);
  } finally {
    // What nobody reads would keep the connection, and this process, open.
    await response.body?.cancel().catch(() => {});
  }
}

type Place = {
  /** Where the body that follows belongs, bytes. */
  readonly from: number;
  /** Of the whole file, bytes. */
  readonly all: number;
};

async function appendBody(response: Response, { from, all }: Place, options: DownloadOptions): Promise<void> {
  const { target, requireRoom, onBytes } = options;
  await requireRoom(all - from, all);
  const file = await open(target, "a", 0o644);
  let done = from;
  try {
    for await (const piece of response.body ?? []) {
      await file.writeFile(piece);
      done += piece.length;
      onBytes(done, all);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  if (done !== all) {
    throw new Error(`the connection ended after ${formatBytes(done)} of ${formatBytes(all)}`);
  }
}

/**
 * @returns undefined where we have more than there is, so that it must be another file.
 * @throws ImagectlError DOWNLOAD_FAILED for every answer that brings nothing.
 */
function placeOf(url: string, { status, headers }: Response, has: number): Place | undefined {
  const [, first, total] = /^bytes (?:(\d+)-\d+|\*)\/(\d+)$/.exec(headers.get("content-range") ?? "") ?? [];
  if (status === 206 && Number(first) === has) return { from: has, all: Number(total) };
  // What was asked for begins at the end, or behind it.
  if (status === 416 && has > 0) return Number(total) === has ? { from: has, all: has } : undefined;
  const length = Number(headers.get("content-length") ?? Number.NaN);
  if (status === 200 && !Number.isNaN(length)) return { from: 0, all: length };
  throw refused(url, status === 200 ? "200, and not with how long it is" : String(status));
}

async function sizeOf(path: string): Promise<number> {
  return (await stat(path).catch(() => undefined))?.size ?? 0;
}

function refused(url: string, status: string): ImagectlError {
  return new ImagectlError("DOWNLOAD_FAILED", `${url} answers with ${status}`, {
    hint: "Look at its folder in a browser: point releases move when a newer one is out. With a file of your own: --iso FILE",
  });
}

function unreachable(url: string, error: unknown, signal: AbortSignal): unknown {
  if (error instanceof ImagectlError || signal.aborted) return error;
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return new ImagectlError("DOWNLOAD_FAILED", `${url} cannot be fetched: ${describeError(cause)}`, {
    hint: "By a proxy: sudo NODE_USE_ENV_PROXY=1 HTTPS_PROXY=http://HOST:PORT imagectl build … Or fetch it elsewhere: --iso FILE",
    cause: error,
  });
}
