/** A layer as one deterministic tar: the data that the apply script (templates/apply.sh) carries with it. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { sha256 } from "../digest.ts";
import { ImagectlError } from "../errors.ts";
import { packageRoot } from "../paths.ts";
import { packTar, type TarEntry } from "../tar.ts";
import type { Layer, PlannedCommand, PlannedFile, PlannedService, PlannedValidator } from "./plan.ts";

export type NamedLayer = Layer & {
  /** `whole` is both layers at once, for a machine that no image was made for: the bastion. */
  readonly name: "image" | "node" | "whole";
  /** Installed where they are missing. */
  readonly packages?: readonly string[];
};

/**
 * Makes the overlay of a layer. Equal layers and apply scripts give equal bytes.
 *
 * It holds `imagectl/apply` and `imagectl/undo` (the scripts), `imagectl/layer` (the name), `root/…` (the files), and
 * lists that sh reads word by word:
 * - `imagectl/packages`: one a line.
 * - `imagectl/files`: `PATH SHA256 MODE OWNER:GROUP ROLE`, sorted by path.
 * - `imagectl/services`: `UNIT enabled|masked|disabled restart|reload PATH…`; the paths are its onChange.
 * - `imagectl/validators/NNN/`: `name`, `run`, `paths` (one a line).
 * - `imagectl/commands/NNN/`: `name`, `run`, and `on-change` (paths, one a line) or `unless` (a test).
 * @throws ImagectlError OVERLAY_INVALID for a word that such a list cannot carry, or a path given twice.
 */
export async function buildOverlay(layer: NamedLayer): Promise<Uint8Array> {
  scripts ??= readScripts();
  return packTar(overlayEntries(layer, await scripts));
}

export type ApplyScripts = { readonly apply: string; readonly undo: string };

async function readScripts(): Promise<ApplyScripts> {
  const read = (name: string) => readFile(join(packageRoot, "templates", name), "utf8");
  const [apply, undo] = await Promise.all([read("apply.sh"), read("undo.sh")]);
  return { apply, undo };
}

/** Read once: a node is told the digest of its overlay minutes before it fetches it. */
let scripts: Promise<ApplyScripts> | undefined;

/** What is in the tar. */
export function overlayEntries(layer: NamedLayer, scripts: ApplyScripts): TarEntry[] {
  const files = [...layer.files].sort((left, right) => (left.path < right.path ? -1 : 1));
  for (const [index, file] of files.entries()) {
    if (files[index + 1]?.path === file.path) throw invalid(`${file.path} is given twice`);
    // Places are filled in fill-secrets.ts; an image's overlay is never filled.
    if (file.secrets !== undefined) throw invalid(`${file.path} lacks the value of a secret`);
  }
  return [
    { path: "imagectl/apply", mode: 0o755, content: scripts.apply },
    { path: "imagectl/undo", mode: 0o755, content: scripts.undo },
    text("layer", [layer.name]),
    text("packages", [...new Set(layer.packages ?? [])].sort().map(word)),
    text("files", files.map(fileLine)),
    text("services", layer.services.map(serviceLine)),
    ...layer.validators.flatMap(validatorEntries),
    ...layer.commands.flatMap(commandEntries),
    ...files.map((file) => ({ path: `root${file.path}`, mode: file.mode, content: file.content })),
  ];
}

function fileLine(file: PlannedFile): string {
  const mode = file.mode.toString(8).padStart(4, "0");
  const owner = `${word(file.owner)}:${word(file.group)}`;
  return [absolute(file.path), sha256(file.content), mode, owner, word(file.role)].join(" ");
}

function serviceLine(service: PlannedService): string {
  return [word(service.unit), service.state, service.action, ...service.onChange.map(absolute)].join(" ");
}

function validatorEntries(validator: PlannedValidator, index: number): TarEntry[] {
  const folder = numbered("validators", index);
  return [
    text(`${folder}/name`, [validator.name]),
    text(`${folder}/run`, [validator.run]),
    text(`${folder}/paths`, validator.paths.map(absolute)),
  ];
}

function commandEntries(command: PlannedCommand, index: number): TarEntry[] {
  const folder = numbered("commands", index);
  return [
    text(`${folder}/name`, [command.name]),
    text(`${folder}/run`, [command.run]),
    ...(command.onChange === undefined ? [] : [text(`${folder}/on-change`, command.onChange.map(absolute))]),
    ...(command.unless === undefined ? [] : [text(`${folder}/unless`, [command.unless])]),
  ];
}

/** The order of a list is the order of the shell's `*`. */
function numbered(list: string, index: number): string {
  return `${list}/${String(index).padStart(3, "0")}`;
}

function text(name: string, lines: readonly string[]): TarEntry {
  const content = lines.map((line) => (line.endsWith("\n") ? line : `${line}\n`)).join("");
  return { path: `imagectl/${name}`, mode: 0o644, content };
}

/** Neither white space nor anything that sh, awk, JSON or a line of a list would read as more than itself. */
function word(value: string): string {
  if (/^[A-Za-z0-9_./:=@%+,~-]+$/.test(value)) return value;
  throw invalid(`${JSON.stringify(value)} is not one plain word`);
}

function absolute(path: string): string {
  const parts = path.split("/").slice(1);
  if (!path.startsWith("/") || parts.some((part) => part === "" || part === "." || part === "..")) {
    throw invalid(`${JSON.stringify(path)} is no absolute path`);
  }
  return word(path);
}

function invalid(message: string): ImagectlError {
  return new ImagectlError("OVERLAY_INVALID", `no overlay can be made: ${message}`, {
    hint: "Give the role's paths, owners, packages and units names of letters, digits and _ . / : = @ % + , ~ -",
  });
}
