/** Brings an ISO into the store: compared with its signed sum, with kernel and initrd, under a signed manifest. */
import { open } from "node:fs/promises";
import { join } from "node:path";
import { ImagectlError } from "../../errors.ts";
import { formatBytes } from "../../quantity.ts";
import type { Artefact, Image } from "../../store/manifest.ts";
import type { Store } from "../../store/store.ts";
import type { BuildEvent } from "../build-event.ts";
import { openProgress, type StepProgress } from "../step-progress.ts";
import { checkIso, type ExpectedIso, type IsoRequest, requireFiles, requireSum } from "./check-iso.ts";
import type { Wanted } from "./identity.ts";
import { installerManifest, installerNames, installerPlanKey, isoOf } from "./installer-manifest.ts";
import { extractFromIso, hashIso, type IsoFile } from "./iso-file.ts";
import { requireRoom } from "./room.ts";
import { kernelHeadBytes, kernelVersion } from "./x86-kernel.ts";

/** What it works with. Whoever wires it decides where things lie and what time it is. */
export type InstallerBench = {
  readonly store: Store;
  readonly signingKeyPem: string;
  /** Empty, this build's alone. */
  readonly scratch: string;
  readonly now: () => Date;
  readonly signal: AbortSignal;
  readonly onEvent: (event: BuildEvent) => void;
  /** Brings what a node's session fetches beside the ISO: `installerNames.environment`. */
  readonly makeEnvironment: () => Promise<Artefact>;
};

/** For people: `ubuntu-22.04 installer`. */
export function titleOf({ installer }: Wanted): string {
  return `${installer.os} installer`;
}

/** @returns how the steps of an installer's build are told: nothing of one that failed is left to look at. */
export function openInstallerProgress(wanted: Wanted, total: number, bench: InstallerBench): StepProgress {
  const { now, signal, onEvent } = bench;
  return openProgress({ image: titleOf(wanted), total, now, signal, onEvent });
}

/** Steps of `keepIso`, after those that bring an ISO. */
export const keepingSteps = 3;

/**
 * Takes a file of the operator, which stays as it is.
 * @throws ImagectlError as `checkIso` and `keepIso` do.
 */
export async function storeFromFile(
  wanted: Wanted,
  request: IsoRequest,
  bench: InstallerBench,
): Promise<Image> {
  const image = titleOf(wanted);
  bench.onEvent({ kind: "build-started", image, reason: `from ${request.file}` });
  const startedAt = bench.now();
  const progress = openInstallerProgress(wanted, 1 + keepingSteps, bench);
  const expected = await progress("look at it and its signature", async () => {
    const value = await checkIso(request, wanted, bench.signal);
    return { value, result: `${value.info.edition} ${value.info.version}, ${formatBytes(value.iso.bytes)}` };
  });
  const stored = await findStored(wanted, expected.sha256, bench);
  if (stored !== undefined) return stored;
  const copy: IsoFile = { path: join(bench.scratch, expected.name), bytes: expected.iso.bytes };
  return keepIso(wanted, expected, { from: expected.iso, copy, startedAt, progress }, bench);
}

/**
 * @param isoSha256 undefined: any ISO of this system.
 * @returns the newest installer in the store, where it is whole and has this ISO; its manifest made anew where this
 *   version of imagectl would boot it otherwise.
 */
export async function findStored(
  wanted: Wanted,
  isoSha256: string | undefined,
  { store, signingKeyPem, now, onEvent, makeEnvironment }: InstallerBench,
): Promise<Image | undefined> {
  const newest = await store.findNewest(installerPlanKey(wanted));
  if (newest === undefined) return undefined;
  if (isoSha256 !== undefined && isoOf(newest.manifest)?.sha256 !== isoSha256) return undefined;
  if ((await store.verify(newest.id)).length > 0) return undefined;
  const others = newest.manifest.artefacts.filter(({ name }) => name !== installerNames.environment);
  const fresh = installerManifest(wanted, [...others, await makeEnvironment()], now());
  const isSame = fresh.key === newest.manifest.key;
  const { id, manifest } = isSame ? newest : await store.publish(fresh, signingKeyPem);
  onEvent({ kind: "up-to-date", image: titleOf(wanted), id, createdAt: manifest.createdAt });
  return { id, manifest };
}

export type Keeping = {
  readonly from: IsoFile;
  /** Goes into the store. The same as `from` where that is ours, such as a download. */
  readonly copy: IsoFile;
  readonly startedAt: Date;
  readonly progress: StepProgress;
};

/**
 * What goes into the store is compared as it is copied, and once more as the store names it: nothing that changes in
 * between gets in.
 * @throws ImagectlError ISO_ALTERED, ISO_INCOMPLETE, DISK_SPACE_LOW, DISK_FULL; nothing is published then.
 */
export async function keepIso(
  wanted: Wanted,
  expected: ExpectedIso,
  { from, copy, startedAt, progress }: Keeping,
  bench: InstallerBench,
): Promise<Image> {
  const { store, signingKeyPem, scratch, now, signal, onEvent, makeEnvironment } = bench;
  requireFiles(wanted.installer, expected);
  await progress("compare its SHA-256", async (tell) => {
    const isOurs = from.path === copy.path;
    const { kernel, initrd } = wanted.installer.files;
    const bootBytes = (expected.files.get(kernel) ?? 0) + (expected.files.get(initrd) ?? 0);
    const storeBytes = from.bytes + bootBytes;
    await requireRoom({ folder: scratch, folderBytes: isOurs ? bootBytes : storeBytes, storeBytes }, store);
    const copying = isOurs ? {} : { copyTo: copy.path };
    const onBytes = (bytes: number) => tell(bytes, from.bytes);
    const sha256 = await hashIso(from.path, { ...copying, onBytes, signal });
    requireSum(expected, from.path, sha256);
    return { value: undefined, result: "as signed" };
  });
  const boot = await progress("take kernel and initrd", () => takeBootFiles(wanted, copy, bench));
  const environment = await makeEnvironment();
  const image = await progress("publish", async () => {
    const files = [{ name: expected.name, path: copy.path }, ...boot];
    const artefacts = [];
    for (const file of files) artefacts.push(await store.addBlob(file));
    requireSum(expected, copy.path, artefacts[0]?.sha256 ?? "");
    const manifest = installerManifest(wanted, [...artefacts, environment], now());
    const value = await store.publish(manifest, signingKeyPem);
    return { value, result: formatBytes(bytesOf(value)) };
  });
  const seconds = (now().getTime() - startedAt.getTime()) / 1000;
  onEvent({ kind: "published", image: titleOf(wanted), id: image.id, bytes: bytesOf(image), seconds });
  return image;
}

async function takeBootFiles({ installer }: Wanted, iso: IsoFile, { scratch, signal }: InstallerBench) {
  const { kernel, initrd } = installer.files;
  const files = [
    { name: installerNames.kernel, path: join(scratch, installerNames.kernel), from: kernel },
    { name: installerNames.initrd, path: join(scratch, installerNames.initrd), from: initrd },
  ];
  await extractFromIso(
    iso,
    files.map(({ path, from }) => ({ path: from, target: path })),
    signal,
  );
  const version = kernelVersion(await readHead(join(scratch, installerNames.kernel), kernelHeadBytes));
  if (version !== undefined) return { value: files, result: `Linux ${version}` };
  throw new ImagectlError("ISO_INCOMPLETE", `${kernel} of the ISO is no kernel for x86 machines`, {
    hint: "This version of imagectl does not know its layout. Send us what it finds: imagectl selftest --iso FILE",
  });
}

async function readHead(path: string, length: number): Promise<Buffer> {
  const file = await open(path, "r");
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(length), 0, length, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

function bytesOf({ manifest }: Image): number {
  return manifest.artefacts.reduce((sum, { bytes }) => sum + bytes, 0);
}
