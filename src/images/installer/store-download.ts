/** Brings the newest ISO of a system into the store: what is newest its signed sums say. */
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { ImagectlError } from "../../errors.ts";
import { formatBytes } from "../../quantity.ts";
import type { Image } from "../../store/manifest.ts";
import { expectIso, identifyIso, type SignedSums, verifySums } from "./check-iso.ts";
import { download, fetchSmall } from "./download.ts";
import { requireIdentity, type Wanted } from "./identity.ts";
import { isoFileName } from "./installers.ts";
import type { IsoFile } from "./iso-file.ts";
import { requireRoom } from "./room.ts";
import {
  findStored,
  type InstallerBench,
  keepIso,
  keepingSteps,
  openInstallerProgress,
  titleOf,
} from "./store-installer.ts";
import { newestVersion } from "./sums.ts";

export type DownloadRequest = {
  /** Where a download lies until it is whole and in the store; one that broke off goes on from there. */
  readonly folder: string;
  /** True: look for a newer point release even where one is in the store. */
  readonly isUpdate: boolean;
  /** Between a part that broke off and the next one. Milliseconds. */
  readonly pauseMs: number;
};

/** For kernel and initrd beside the ISO, bytes. Our guess; their own sizes are asked once the ISO is there. */
const bootFilesBytes = 3e8;

/** @throws ImagectlError DOWNLOAD_FAILED, ISO_UNSIGNED, DISK_SPACE_LOW, and as `keepIso` does. */
export async function storeFromDownload(
  wanted: Wanted,
  request: DownloadRequest,
  bench: InstallerBench,
): Promise<Image> {
  const { installer, architecture } = wanted;
  const known = request.isUpdate ? undefined : await findStored(wanted, undefined, bench);
  if (known !== undefined) return known;
  const from = installer.places.current;
  bench.onEvent({ kind: "build-started", image: titleOf(wanted), reason: `from ${from}` });
  const startedAt = bench.now();
  const progress = openInstallerProgress(wanted, 2 + keepingSteps, bench);
  const { name, sums } = await progress("ask which is the newest", async () => {
    const value = await findNewest(wanted, bench.signal);
    return { value, result: value.name };
  });
  const stored = await findStored(wanted, sums.get(name), bench);
  if (stored !== undefined) return stored;
  const path = join(request.folder, name);
  const expected = await progress("download it", async (tell) => {
    await removeOthers(request.folder, name);
    await download(`${from}${name}`, {
      target: path,
      onBytes: tell,
      requireRoom: (missingBytes, allBytes) => {
        const [folderBytes, storeBytes] = [missingBytes + bootFilesBytes, allBytes + bootFilesBytes];
        return requireRoom({ folder: request.folder, folderBytes, storeBytes }, bench.store);
      },
      pauseMs: request.pauseMs,
      signal: bench.signal,
    });
    const identified = await withoutKeeping(path, () => identifyIso(path, bench.signal));
    requireIdentity({ installer, architecture }, identified.info, path);
    return { value: expectIso(identified, sums, installer), result: formatBytes(identified.iso.bytes) };
  });
  const iso: IsoFile = expected.iso;
  return withoutKeeping(path, () =>
    keepIso(wanted, expected, { from: iso, copy: iso, startedAt, progress }, bench),
  );
}

/** @returns the newest ISO's official name, and the list that vouches for it. */
async function findNewest(
  { installer, architecture }: Wanted,
  signal: AbortSignal,
): Promise<{ readonly name: string; readonly sums: SignedSums }> {
  const what = `${installer.places.current}SHA256SUMS`;
  const [sums, signature] = await Promise.all([fetchSmall(what, signal), fetchSmall(`${what}.gpg`, signal)]);
  const hint =
    "Somebody on the way may have changed it. Try again later or from elsewhere, and do not go on without it";
  const signed = await verifySums({ sums, signature, what, hint }, installer);
  const version = newestVersion(signed, installer.release, architecture);
  if (version !== undefined) return { name: isoFileName(version, architecture), sums: signed };
  throw new ImagectlError(
    "DOWNLOAD_FAILED",
    `${what} lists no live server of ${installer.release} for ${architecture}`,
    {
      hint: `It may have moved to ${installer.places.old}. Fetch it from there, then: --iso FILE`,
    },
  );
}

/** Of an older point release nobody needs the beginning. */
async function removeOthers(folder: string, name: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const release = /^ubuntu-[0-9]+\.[0-9]+/.exec(name)?.[0] ?? name;
  const others = (await readdir(folder)).filter((other) => other.startsWith(release) && other !== name);
  await Promise.all(others.map((other) => rm(join(folder, other))));
}

/** What is not the signed file can never become it: with it in the way, the next download would not begin anew. */
async function withoutKeeping<Value>(path: string, act: () => Promise<Value>): Promise<Value> {
  try {
    return await act();
  } catch (error) {
    if (
      !(error instanceof ImagectlError) ||
      !["ISO_ALTERED", "ISO_CUT_SHORT", "ISO_UNKNOWN"].includes(error.code)
    ) {
      throw error;
    }
    await rm(path, { force: true });
    throw new ImagectlError(error.code, error.message, {
      hint: "What was downloaded is removed. Start again; where it stays so, a proxy or this machine changes what it passes on",
      cause: error,
    });
  }
}
