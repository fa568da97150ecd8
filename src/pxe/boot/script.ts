/** iPXE scripts: the deploy environment, the local disk, why there is nothing to boot, or that it is to ask again. */
import { ImagectlError } from "../../errors.ts";
import type { Firmware, Manifest } from "../../store/manifest.ts";
import { renderTemplate } from "../../template.ts";
import { type CommandLineValues, expandCommandLine } from "./command-line.ts";
import type { BootDecision } from "./decide.ts";

/** The sources of templates/boot, by what they do. */
export type BootTemplates = {
  readonly deploy: string;
  readonly localDisk: string;
  readonly refused: string;
  readonly tryAgain: string;
};

export type BootFilesRequest = {
  readonly firmware: Firmware;
  readonly manifest: Manifest;
  readonly values: CommandLineValues;
};

export type DeployScriptRequest = BootFilesRequest & {
  readonly hostname: string;
  readonly attemptId: number;
  readonly purpose: "deploy" | "rescue";
  /** Where a machine that has too little memory says so; `?memory=` and MiB follow. */
  readonly tooSmallUrl: string;
};

export type BootFile = { readonly name: string; readonly url: string; readonly sha256: string };

/** What a machine loads to be in the deploy environment, whoever loads it: iPXE, or kexec on a running system. */
export type BootFiles = {
  readonly kernel: BootFile;
  readonly initrds: readonly BootFile[];
  /** One line. */
  readonly commandLine: string;
  readonly minRamMiB: number;
};

/**
 * @throws ImagectlError BOOT_ENTRY_MISSING when the manifest has no entry for the firmware or names an artefact
 *   that it does not list, KERNEL_ARGUMENT_INVALID as expandCommandLine does.
 */
export function bootFilesOf({ firmware, manifest, values }: BootFilesRequest): BootFiles {
  const entry = manifest.boot.find((candidate) => candidate.firmware === firmware);
  if (entry === undefined) throw entryMissing(manifest, `has no boot entry for ${firmware}`);
  const fileOf = (name: string): BootFile => {
    const artefact = manifest.artefacts.find((candidate) => candidate.name === name);
    if (artefact === undefined)
      throw entryMissing(manifest, `boots ${name}, which is not among its artefacts`);
    const { sha256 } = artefact;
    return { name, sha256, url: `${values.artefactsUrl}/${sha256}` };
  };
  // iPXE gives the files to a UEFI kernel through a file system of its own; the kernel must ask for them by
  // name. iPXE of 2019 does nothing by itself; a BIOS kernel ignores the argument.
  const initrdArguments = entry.initrds.map((name) => `initrd=${name}`);
  const commandLine = expandCommandLine([...initrdArguments, ...entry.commandLine], values);
  return {
    kernel: fileOf(entry.kernel),
    initrds: entry.initrds.map(fileOf),
    commandLine: commandLine.join(" "),
    minRamMiB: entry.minRamMiB,
  };
}

/**
 * The script that loads the deploy environment of the attempt's image and starts it.
 * @throws ImagectlError as bootFilesOf does.
 */
export function renderDeployScript(templates: BootTemplates, request: DeployScriptRequest): string {
  const { hostname, attemptId, purpose, tooSmallUrl } = request;
  const { kernel, initrds, commandLine, minRamMiB } = bootFilesOf(request);
  const view = {
    hostname,
    attemptId,
    isRescue: purpose === "rescue",
    what: request.manifest.kind === "installer" ? "the installer" : "the deploy environment",
    minRamMiB,
    tooSmall: tooSmallSizes(minRamMiB),
    tooSmallUrl,
    kernelUrl: kernel.url,
    initrds: initrds.map(({ name, url }) => ({ name, url })),
    commandLine,
  };
  return renderTemplate(templates.deploy, view, "templates/boot/deploy.ipxe.hbs").text;
}

/**
 * iPXE can compare for equality only, so the script asks for each size below the minimum. SMBIOS 3.6 section 7.20
 * (type 19) gives the end of the memory in KiB, little-endian: its third byte counts 64 MiB each. As hexraw: how
 * numbers are written differs between versions.
 */
function tooSmallSizes(minRamMiB: number): readonly { readonly byte: string; readonly memoryMiB: number }[] {
  const sizes = Array.from({ length: 256 }, (_unused, byte) => ({
    byte: byte.toString(16).padStart(2, "0"),
    memoryMiB: (byte + 1) * 64,
  }));
  return sizes.filter(({ memoryMiB }) => memoryMiB < minRamMiB);
}

export function renderLocalDiskScript(
  templates: BootTemplates,
  hostname: string,
  firmware: Firmware,
): string {
  const view = { hostname, isBios: firmware === "bios-x86" };
  return renderTemplate(templates.localDisk, view, "templates/boot/local-disk.ipxe.hbs").text;
}

export function renderRefusedScript(
  templates: BootTemplates,
  hostname: string,
  reason: Extract<BootDecision, { kind: "ignore" }>["reason"],
): string {
  return renderTemplate(templates.refused, { hostname, reason }, "templates/boot/refused.ipxe.hbs").text;
}

/** What iPXE shows as it is: letters, digits and what makes a sentence; it would expand `${` and end at `||`. */
const unprintable = /[^A-Za-z0-9 .,:;/_()[\]-]/g;

/**
 * Our failure must not send an armed node to its old disk: it asks again until the attempt is over.
 * @param reason one line; characters that iPXE would read as its own are replaced.
 */
export function renderTryAgainScript(
  templates: BootTemplates,
  { hostname, reason, scriptUrl }: { hostname: string; reason: string; scriptUrl: string },
): string {
  const view = { hostname, reason: reason.replaceAll(unprintable, "?"), scriptUrl };
  return renderTemplate(templates.tryAgain, view, "templates/boot/try-again.ipxe.hbs").text;
}

function entryMissing(manifest: Manifest, what: string): ImagectlError {
  return new ImagectlError(
    "BOOT_ENTRY_MISSING",
    `the image ${manifest.os} of ${manifest.createdAt} ${what}`,
    {
      hint: `Build it again: imagectl build --os ${manifest.os}`,
    },
  );
}
