/** The door to an ISO: reads its header itself and its files by xorriso. It is never mounted. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdtemp, open, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { describeError, ImagectlError } from "../../errors.ts";
import { formatBytes } from "../../quantity.ts";
import { anyExitCode, run } from "../../run.ts";
import { parseVolume, sniff, volumeBytes, volumeOffset } from "./iso9660.ts";
import { mostSumsBytes } from "./sums.ts";

export type IsoFile = {
  /** Absolute. */
  readonly path: string;
  readonly bytes: number;
};

const copyAgain = "Copy or download it again; curl -C - -O URL goes on where a download ended";

/** Programs that this room starts, with the Debian package that has them. */
export const isoTools: Readonly<Record<string, string>> = { gpgv: "gpgv", xorriso: "xorriso" };

/**
 * Looks at a file's size and header; neither needs another program.
 * @throws ImagectlError ISO_UNREADABLE, ISO_UNKNOWN, ISO_CUT_SHORT.
 */
export async function openIso(path: string): Promise<IsoFile> {
  const { bytes, head, sector } = await readHeader(path);
  const otherwise = sniff(head);
  const volume = parseVolume(sector);
  if (volume === undefined) {
    if (otherwise === undefined && bytes < volumeOffset + volumeBytes) {
      throw new ImagectlError(
        "ISO_CUT_SHORT",
        `${path} ends after ${formatBytes(bytes)}, before an ISO says what it is`,
        {
          hint: copyAgain,
        },
      );
    }
    throw new ImagectlError(
      "ISO_UNKNOWN",
      `${path} is no ISO image${otherwise === undefined ? "" : `, but ${otherwise}`}`,
      {
        hint: "Name the .iso file itself, not an archive of it or the page that links to it",
      },
    );
  }
  if (bytes < volume.bytes) {
    const sizes = `it has ${bytes} of at least ${volume.bytes} bytes`;
    throw new ImagectlError("ISO_CUT_SHORT", `${path} (${volume.id}) is not whole: ${sizes}`, {
      hint: copyAgain,
    });
  }
  return { path: resolve(path), bytes };
}

async function readHeader(path: string) {
  try {
    const file = await open(path, "r");
    try {
      const found = await file.stat();
      if (!found.isFile()) throw new Error("it is no file");
      const readAt = async (offset: number, length: number) => {
        const { bytesRead, buffer } = await file.read(Buffer.alloc(length), 0, length, offset);
        return buffer.subarray(0, bytesRead);
      };
      return {
        bytes: found.size,
        head: await readAt(0, 512),
        sector: await readAt(volumeOffset, volumeBytes),
      };
    } finally {
      await file.close();
    }
  } catch (error) {
    throw new ImagectlError("ISO_UNREADABLE", `cannot read ${path}: ${describeError(error)}`, {
      hint: "Give the ISO's path: --iso FILE",
      cause: error,
    });
  }
}

/**
 * @returns the size of each file in it, bytes, by its path without a leading `/`.
 * @throws ImagectlError ISO_ALTERED where its directories cannot be read.
 */
export async function listIso(iso: IsoFile, signal: AbortSignal): Promise<ReadonlyMap<string, number>> {
  const words = ["-indev", iso.path, "-find", "/", "-type", "f", "-exec", "lsdl", "--"];
  const { exitCode, stdout, stderr } = await xorriso(words, signal, anyExitCode);
  if (exitCode !== 0) {
    throw new ImagectlError("ISO_ALTERED", `${iso.path} is damaged: its directories cannot be read`, {
      hint: copyAgain,
      cause: new Error(stderr),
    });
  }
  // As `ls -dln`, and the path in quotes.
  const lines = stdout.matchAll(/^-\S+ +\d+ +\S+ +\S+ +(\d+) .* '\/(.+)'$/gm);
  return new Map([...lines].map(([, bytes, path = ""]) => [path, Number(bytes)]));
}

/** @param files paths in the ISO that are there, with the place that each goes to. */
export async function extractFromIso(
  iso: IsoFile,
  files: readonly { readonly path: string; readonly target: string }[],
  signal: AbortSignal,
): Promise<void> {
  const words = files.flatMap(({ path, target }) => ["-extract_single", `/${path}`, target]);
  await xorriso(["-osirrox", "on", "-indev", iso.path, ...words], signal);
}

/** For small files. @param path one that is in the ISO. */
export async function readFromIso(iso: IsoFile, path: string, signal: AbortSignal): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), "imagectl-iso-"));
  try {
    const target = join(folder, basename(path));
    await extractFromIso(iso, [{ path, target }], signal);
    return await readFile(target);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** -no_rc: no start-up files of this user's. */
function xorriso(words: readonly string[], signal: AbortSignal, okExitCodes: readonly number[] = [0]) {
  return run("xorriso", ["-no_rc", ...words], { env: { LC_ALL: "C.UTF-8" }, signal, okExitCodes });
}

export type HashOptions = {
  /** What is read is written there as well. */
  readonly copyTo?: string;
  /** Called now and then with how much of it was read, bytes. */
  readonly onBytes: (bytes: number) => void;
  readonly signal: AbortSignal;
};

/** Reading in pieces of this size, bytes. Larger ones hash no faster. */
const chunkBytes = 1 << 20;

/** @returns its SHA-256. @throws whatever reading or writing throws. */
export async function hashIso(path: string, { copyTo, onBytes, signal }: HashOptions): Promise<string> {
  const hash = createHash("sha256");
  const copy = copyTo === undefined ? undefined : await open(copyTo, "w", 0o644);
  let bytes = 0;
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: chunkBytes, signal })) {
      const piece = chunk as Buffer;
      hash.update(piece);
      await copy?.writeFile(piece);
      bytes += piece.length;
      onBytes(bytes);
    }
  } finally {
    await copy?.close();
  }
  return hash.digest("hex");
}

/**
 * For small files beside an ISO.
 * @returns undefined when there is no such file.
 * @throws ImagectlError ISO_UNSIGNED for one that is too long to be what it should.
 */
export async function readBeside(path: string): Promise<Buffer | undefined> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isFile() !== true) return undefined;
  if (found.size <= mostSumsBytes) return readFile(path);
  throw new ImagectlError("ISO_UNSIGNED", `${path} is no list of sums: it has ${formatBytes(found.size)}`, {
    hint: "Name SHA256SUMS itself: --sums FILE",
  });
}
