/** `imagectl images prune`: images that nobody needs any more, and bytes that no image names. */
import { ImagectlError } from "../errors.ts";
import { statePaths } from "../paths.ts";
import { formatBytes, parseDuration } from "../quantity.ts";
import { exists } from "../store/file-system.ts";
import { shortId } from "../store/findings.ts";
import type { Image } from "../store/manifest.ts";
import { bytesFreed, findSuperfluous } from "../store/plan-prune.ts";
import type { Store } from "../store/store.ts";
import type { CommandIo } from "./command.ts";
import { findNeeded } from "./needed-images.ts";
import { formatTable } from "./table.ts";

export const pruneOptions = {
  keep: { type: "string", valueName: "N", description: "prune: of each plan the N newest stay. Default: 2." },
  "older-than": {
    type: "string",
    valueName: "AGE",
    description: "prune: what is older goes, unless it is needed: 90d, 12h. Default: 90d.",
  },
  "dry-run": { type: "boolean", description: "prune: say what would go, and leave it." },
} as const;

export type PruneValues = {
  readonly keep?: string | undefined;
  readonly "older-than"?: string | undefined;
  readonly "dry-run"?: boolean | undefined;
  readonly cluster?: string | undefined;
};

/** Blobs that came later stay when the store is pruned: a build may be about to name them. Milliseconds. */
const pruneAgeMs = 3_600_000;

/** @throws ImagectlError USAGE, SERVER_NOT_RUNNING, CLUSTER_…: where it is not known what is needed, nothing goes. */
export async function pruneImages(store: Store, values: PruneValues, now: Date, io: CommandIo) {
  const { images } = await store.list();
  const olderThanMs = parseDuration(values["older-than"] ?? "90d") * 1000;
  const superfluous = findSuperfluous(images, { keep: parseKeep(values.keep ?? "2"), olderThanMs, now });
  const isServed = await exists(statePaths(io.env).database);
  const needed =
    superfluous.length === 0
      ? new Map<string, string>()
      : await findNeeded(images, values.cluster, isServed, io);
  const going = superfluous.filter(({ image }) => !needed.has(image.id));
  const spared = superfluous.filter(({ image }) => needed.has(image.id));
  const imageBytes = bytesFreed(
    images,
    going.map(({ image }) => image),
  );
  const isDryRun = values["dry-run"] === true;
  if (!isDryRun) for (const { image } of going) await store.remove(image.id);
  const freedBytes = isDryRun ? imageBytes : await store.prune(new Date(now.getTime() - pruneAgeMs));
  const lines = [
    ...going.map(({ image, reason }) => [...describe(image), isDryRun ? "would go" : "removed", reason]),
    ...spared.map(({ image }) => [...describe(image), "stays", `needed: ${needed.get(image.id)}`]),
  ];
  const sum = isDryRun ? `${formatBytes(freedBytes)} would become free` : `${formatBytes(freedBytes)} freed`;
  return {
    answer: {
      isDryRun,
      freedBytes,
      removed: going.map(({ image, reason }) => ({ id: image.id, reason })),
      spared: spared.map(({ image }) => ({ id: image.id, reason: needed.get(image.id) })),
    },
    text: `${formatTable(lines)}${sum}\n`,
    exitCode: 0,
  };
}

function describe({ id, manifest }: Image): string[] {
  return [shortId(id), manifest.os, manifest.kind, manifest.createdAt.slice(0, 10)];
}

function parseKeep(text: string): number {
  if (/^[1-9][0-9]{0,3}$/.test(text)) return Number(text);
  throw new ImagectlError("USAGE", `--keep takes a number from 1 on: ${text}`, {
    hint: "imagectl images prune --keep 2",
  });
}
