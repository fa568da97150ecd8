/** `imagectl images list`: every image with its age; with --stale, what each lacks of the archive's packages. */
import { type Finding, formatFinding } from "../errors.ts";
import { openApt } from "../images/apt.ts";
import { findOperatingSystem, withComponents } from "../images/catalogue.ts";
import { readLock } from "../images/find-lock.ts";
import { requestDigest } from "../images/package-lock.ts";
import { type PendingUpdate, pendingUpdates } from "../images/pending-updates.ts";
import { cacheDirectory, statePaths } from "../paths.ts";
import { formatBytes, formatCount } from "../quantity.ts";
import { shortId } from "../store/findings.ts";
import type { Image } from "../store/manifest.ts";
import type { Store } from "../store/store.ts";
import type { CommandIo } from "./command.ts";
import { findWanted } from "./needed-images.ts";
import { formatTable } from "./table.ts";

export async function listImages(store: Store, now: Date) {
  const listing = await store.list();
  const rows = listing.images.map((image) => [...formatRow(image, now), formatBytes(sizeOf(image))]);
  const table = formatTable([["IMAGE", "OS", "KIND", "CREATED (UTC)", "AGE", "SIZE"], ...rows]);
  const text = listing.images.length === 0 ? "no images yet: imagectl build\n" : table;
  return {
    answer: listing,
    text: text + formatProblems(listing.findings),
    exitCode: listing.findings.length > 0 ? 2 : 0,
  };
}

/** What is known of one image's packages. */
export type Staleness =
  | { readonly kind: "updates"; readonly updates: readonly PendingUpdate[] }
  /** A newer one of its plan is there. */
  | { readonly kind: "superseded" }
  /** No node of the cluster file is installed with its plan any more. */
  | { readonly kind: "unused" }
  /** It is a vendor's: no package list of ours. */
  | { readonly kind: "installer" }
  /** Its package list was made of another request, or cannot be read. */
  | { readonly kind: "unknown" };

/**
 * Asks the archives what they would give for each image that the cluster file wants. Needs the network.
 * @returns exit code 2 when updates are pending.
 */
export async function listStale(store: Store, cluster: string | undefined, now: Date, io: CommandIo) {
  const [{ images, findings }, wanted] = [await store.list(), await findWanted(cluster, io)];
  const listed: { readonly image: Image; readonly staleness: Staleness }[] = [];
  for (const image of images) {
    const { planKey } = image.manifest;
    const own = wanted.find((candidate) => candidate.planKey === planKey);
    const newest = images.find(({ manifest }) => manifest.planKey === planKey);
    const staleness: Staleness =
      newest !== image
        ? { kind: "superseded" }
        : image.manifest.kind === "installer"
          ? { kind: "installer" }
          : own?.request === undefined
            ? { kind: "unused" }
            : await compareToArchive(store, image, own.request, io);
    listed.push({ image, staleness });
  }
  const isStale = listed.some(
    ({ staleness }) => staleness.kind === "updates" && staleness.updates.length > 0,
  );
  return {
    answer: {
      images: listed.map(({ image, staleness }) => ({
        id: image.id,
        os: image.manifest.os,
        kind: image.manifest.kind,
        createdAt: image.manifest.createdAt,
        staleness,
      })),
      findings,
    },
    text: formatStale(listed, now) + formatProblems(findings),
    exitCode: isStale || findings.length > 0 ? 2 : 0,
  };
}

async function compareToArchive(
  store: Store,
  { manifest }: Image,
  request: Parameters<typeof requestDigest>[0],
  io: CommandIo,
): Promise<Staleness> {
  const lock = await readLock(store, manifest);
  if (lock?.request !== requestDigest(request)) return { kind: "unknown" };
  io.stderr.write(`asking the archives of ${manifest.os} for what is in the ${manifest.kind} image …\n`);
  const apt = await openApt({
    os: withComponents(findOperatingSystem(manifest.os), request.components),
    archives: request.archives ?? [],
    sources: statePaths(io.env).aptSources,
    cache: cacheDirectory(io.env),
    signal: new AbortController().signal,
    onLine: () => {},
  });
  return { kind: "updates", updates: pendingUpdates(lock, await apt.candidates(request)) };
}

/** @returns a table, and below it a line per update. */
export function formatStale(
  listed: readonly { readonly image: Image; readonly staleness: Staleness }[],
  now: Date,
): string {
  if (listed.length === 0) return "no images yet: imagectl build\n";
  const rows = listed.map(({ image, staleness }) => [...formatRow(image, now), verdict(staleness)]);
  const table = formatTable([["IMAGE", "OS", "KIND", "CREATED (UTC)", "AGE", "PENDING"], ...rows]);
  const details = listed.flatMap(({ image, staleness }) =>
    staleness.kind === "updates" && staleness.updates.length > 0
      ? [`\n${shortId(image.id)} ${image.manifest.kind}\n`, formatTable(staleness.updates.map(updateRow))]
      : [],
  );
  const hint = details.length === 0 ? "" : "\nTo take them in: imagectl build --update\n";
  return `${table}${details.join("")}${hint}`;
}

function updateRow({ name, installed, available, isSecurity }: PendingUpdate): string[] {
  return [
    "",
    name,
    installed === undefined ? "new" : installed,
    "->",
    available,
    isSecurity ? "security" : "",
  ];
}

function verdict(staleness: Staleness): string {
  switch (staleness.kind) {
    case "updates": {
      const { updates } = staleness;
      const security = updates.filter(({ isSecurity }) => isSecurity).length;
      if (updates.length === 0) return "none";
      return `${formatCount(updates.length, "update")}, ${security} of them security`;
    }
    case "superseded":
      return "superseded by a newer one";
    case "installer":
      return "not asked: its vendor makes new ones";
    case "unused":
      return "of a plan or recipe that no node of the cluster file has";
    case "unknown":
      return "not known: its packages were asked for otherwise; build it anew";
    default:
      return staleness satisfies never;
  }
}

function formatRow({ id, manifest }: Image, now: Date): string[] {
  const created = manifest.createdAt.slice(0, 16).replace("T", " ");
  return [shortId(id), manifest.os, manifest.kind, created, formatAge(manifest.createdAt, now)];
}

/** Whole days are enough to see what is old. */
function formatAge(createdAt: string, now: Date): string {
  const hours = Math.max(0, Math.floor((now.getTime() - Date.parse(createdAt)) / 3_600_000));
  return hours < 48 ? `${hours} h` : `${Math.floor(hours / 24)} d`;
}

function sizeOf({ manifest }: Image): number {
  return manifest.artefacts.reduce((sum, { bytes }) => sum + bytes, 0);
}

function formatProblems(findings: readonly Finding[]): string {
  return findings.map((finding) => `${formatFinding(finding)}\n`).join("");
}
