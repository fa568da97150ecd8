/** `imagectl images list|show|verify|remove|prune`: what is in the store, and whether it is whole. */
import { formatFinding, ImagectlError } from "../errors.ts";
import { statePaths } from "../paths.ts";
import { formatBytes } from "../quantity.ts";
import { shortId } from "../store/findings.ts";
import type { Image } from "../store/manifest.ts";
import { openStore, type Store } from "../store/store.ts";
import { type CommandIo, defineCommand, jsonOption } from "./command.ts";
import { listImages, listStale } from "./list-images.ts";
import { clusterOption } from "./plan-context.ts";
import { type PruneValues, pruneImages, pruneOptions } from "./prune-images.ts";

export const command = defineCommand({
  summary: "list the images in the store, and what they lack; show, verify, remove or prune them",
  usage:
    "images [list] [--stale] | show ID | verify [ID] | remove ID | prune [--keep N] [--older-than AGE] [--dry-run] [--cluster FILE] [--json]",
  options: {
    stale: {
      type: "boolean",
      description: "list: which packages the archives have newer; exit code 2 when there are some.",
    },
    ...pruneOptions,
    ...clusterOption,
    ...jsonOption,
  },
  positionals: { min: 0, max: 2 },
  words: [["list", "show", "verify", "remove", "prune"], "nothing"],
  async run({ values, positionals: [word = "list", id] }, io) {
    const store = openStore(statePaths(io.env).store);
    const { answer, text, exitCode } = await answerFor({ word, id, values }, store, io);
    io.stdout.write(values.json === true ? `${JSON.stringify(answer, null, 2)}\n` : text);
    return exitCode;
  },
});

type Answer = { readonly answer: unknown; readonly text: string; readonly exitCode: number };

type Question = {
  readonly word: string;
  readonly id: string | undefined;
  readonly values: PruneValues & { readonly stale?: boolean | undefined };
};

async function answerFor({ word, id, values }: Question, store: Store, io: CommandIo): Promise<Answer> {
  const now = new Date();
  if (word === "list" && id === undefined) {
    return values.stale === true ? listStale(store, values.cluster, now, io) : listImages(store, now);
  }
  if (word === "show" && id !== undefined) {
    const image = await store.show(id);
    return { answer: image, text: formatImage(image), exitCode: 0 };
  }
  if (word === "verify") return verifyImages(store, id);
  if (word === "remove" && id !== undefined) {
    const image = await store.show(id);
    await store.remove(image.id);
    const text = `image ${shortId(image.id)} is removed; imagectl images prune frees its bytes\n`;
    return { answer: { removed: image.id }, text, exitCode: 0 };
  }
  if (word === "prune" && id === undefined) return pruneImages(store, values, now, io);
  throw new ImagectlError("USAGE", `images: cannot understand ${[word, id].join(" ").trim()}`, {
    hint: "imagectl images list [--stale], show ID, verify [ID], remove ID, or prune",
  });
}

function formatImage({ id, manifest }: Image): string {
  const boots = manifest.boot.map(({ firmware, minRamMiB }) => `${firmware} from ${minRamMiB} MiB`);
  return [
    `image     ${id}`,
    `kind      ${manifest.kind}`,
    `os        ${manifest.os} ${manifest.arch}`,
    `created   ${manifest.createdAt}`,
    `plan key  ${manifest.planKey}`,
    `key       ${manifest.key}`,
    `boots     ${boots.join(", ") || "not by the network"}`,
    `unpacked  ${formatBytes(manifest.rootBytes)}`,
    "artefacts",
    ...manifest.artefacts.map(
      ({ name, bytes, sha256 }) => `  ${name.padEnd(18)} ${formatBytes(bytes).padStart(9)}  ${sha256}`,
    ),
    "",
  ].join("\n");
}

async function verifyImages(store: Store, id: string | undefined): Promise<Answer> {
  const listing = id === undefined ? await store.list() : { images: [await store.show(id)], findings: [] };
  const findings = [...listing.findings];
  const lines: string[] = [];
  for (const image of listing.images) {
    const found = await store.verify(image.id);
    findings.push(...found);
    if (found.length === 0) lines.push(`image ${shortId(image.id)}: whole and signed`);
  }
  return {
    answer: { verified: lines.length, findings },
    text: [...lines, ...findings.map(formatFinding), ""].join("\n"),
    exitCode: findings.length > 0 ? 2 : 0,
  };
}
