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

export type DeployScriptRequest = {
  readonly hostname: string;
  readonly attemptId: number;
  readonly firmware: Firmware;
  readonly manifest: Manifest;
  readonly values: CommandLineValues;
};

/**
 * The script that loads the deploy environment of the attempt's image and starts it.
 * @throws ImagectlError BOOT_ENTRY_MISSING when the manifest has no entry for the firmware or names an artefact
 *   that it does not list, KERNEL_ARGUMENT_INVALID as expandCommandLine does.
 */
export function renderDeployScript(templates: BootTemplates, request: DeployScriptRequest): string {
  const { hostname, attemptId, firmware, manifest, values } = request;
  const entry = manifest.boot.find((candidate) => candidate.firmware === firmware);
  if (entry === undefined) throw entryMissing(manifest, `has no boot entry for ${firmware}`);
  const urlOf = (name: string): string => {
    const artefact = manifest.artefacts.find((candidate) => candidate.name === name);
    if (artefact === undefined)
      throw entryMissing(manifest, `boots ${name}, which is not among its artefacts`);
    return `${values.artefactsUrl}/${artefact.sha256}`;
  };
  // iPXE gives the files to a UEFI kernel through a file system of its own; the kernel must ask for them by
  // name. iPXE of 2019 does nothing by itself; a BIOS kernel ignores the argument.
  const initrdArguments = entry.initrds.map((name) => `initrd=${name}`);
  const commandLine = expandCommandLine([...initrdArguments, ...entry.commandLine], values);
  const view = {
    hostname,
    attemptId,
    minRamMiB: entry.minRamMiB,
    kernelUrl: urlOf(entry.kernel),
    initrds: entry.initrds.map((name) => ({ name, url: urlOf(name) })),
    commandLine: commandLine.join(" "),
  };
  return renderTemplate(templates.deploy, view, "templates/boot/deploy.ipxe.hbs").text;
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
