/** `imagectl images list|show|verify|remove|prune`: what is in the store, and whether it is whole. */
import { formatFinding, ImagectlError } from "../errors.ts";
import { statePaths } from "../paths.ts";
import { formatBytes } from "../quantity.ts";
import { shortId } from "../store/findings.ts";
import type { Image } from "../store/manifest.ts";
import { openStore, type Store } from "../store/store.ts";
import { defineCommand, jsonOption } from "./command.ts";
import { formatTable } from "./table.ts";

/** Blobs that came later stay when the store is pruned: a build may be about to name them. Milliseconds. */
const pruneAgeMs = 3_600_000;

export const command = defineCommand({
  summary: "list the images in the store; show, verify or remove them; prune bytes that none of them needs",
  usage: "images list | show ID | verify [ID] | remove ID | prune [--json]",
  options: jsonOption,
  positionals: { min: 1, max: 2 },
  async run({ values, positionals: [word = "", id] }, io) {
    const store = openStore(statePaths(io.env).store);
    const { answer, text, exitCode } = await answerFor(word, id, store);
    io.stdout.write(values.json === true ? `${JSON.stringify(answer, null, 2)}\n` : text);
    return exitCode;
  },
});

type Answer = { readonly answer: unknown; readonly text: string; readonly exitCode: number };

async function answerFor(word: string, id: string | undefined, store: Store): Promise<Answer> {
  if (word === "list" && id === undefined) return listImages(store);
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
  if (word === "prune" && id === undefined) {
    const bytes = await store.prune(new Date(Date.now() - pruneAgeMs));
    return { answer: { freedBytes: bytes }, text: `${formatBytes(bytes)} freed\n`, exitCode: 0 };
  }
  throw new ImagectlError("USAGE", `images: cannot understand ${[word, id].join(" ").trim()}`, {
    hint: "imagectl images list, show ID, verify [ID], remove ID, or prune",
  });
}

async function listImages(store: Store): Promise<Answer> {
  const listing = await store.list();
  const table = formatTable([heading, ...listing.images.map(formatRow)]);
  const text = listing.images.length === 0 ? "no images yet: imagectl build --os OS\n" : table;
  const problems = listing.findings.map((finding) => `${formatFinding(finding)}\n`).join("");
  return { answer: listing, text: text + problems, exitCode: listing.findings.length > 0 ? 2 : 0 };
}

const heading = ["IMAGE", "OS", "KIND", "CREATED (UTC)", "SIZE"] as const;

function formatRow({ id, manifest }: Image): string[] {
  const created = manifest.createdAt.slice(0, 16).replace("T", " ");
  return [shortId(id), manifest.os, manifest.kind, created, formatBytes(sizeOf(manifest.artefacts))];
}

function sizeOf(artefacts: Image["manifest"]["artefacts"]): number {
  return artefacts.reduce((sum, { bytes }) => sum + bytes, 0);
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
