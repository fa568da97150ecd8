/** Where packages come from: this machine's own apt sources, turned to another suite and more components. Pure. */
import type { PackageArchive } from "../roles/role.ts";
import type { OperatingSystem } from "./catalogue.ts";

/** One stanza of sources.list(5) in deb822 format, or one line of the one-line format. */
export type AptSource = {
  readonly types: readonly string[];
  readonly uris: readonly string[];
  readonly suites: readonly string[];
  readonly components: readonly string[];
  /** A keyring's path; undefined where apt's trusted keys are meant. */
  readonly signedBy: string | undefined;
  readonly isEnabled: boolean;
};

/** Reads a `.sources` file (deb822). A stanza with an embedded key counts as without `Signed-By`. */
export function parseDeb822(text: string): AptSource[] {
  return text
    .replace(/^#.*\n?/gm, "")
    .split(/\n[ \t]*\n/)
    .map(parseFields)
    .filter((fields) => fields.has("uris"))
    .map((fields) => ({
      types: words(fields.get("types")),
      uris: words(fields.get("uris")),
      suites: words(fields.get("suites")),
      components: words(fields.get("components")),
      signedBy: keyringOf(fields.get("signed-by")),
      isEnabled: (fields.get("enabled") ?? "yes").trim() !== "no",
    }));
}

function parseFields(stanza: string): Map<string, string> {
  const fields = new Map<string, string>();
  // A line that begins with a blank goes on with the field above it.
  for (const line of stanza.replace(/\n[ \t]+/g, " ").split("\n")) {
    const colon = line.indexOf(":");
    if (colon > 0) fields.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim());
  }
  return fields;
}

function words(text: string | undefined): string[] {
  return (text ?? "").split(/\s+/).filter((word) => word !== "");
}

function keyringOf(value: string | undefined): string | undefined {
  return value?.startsWith("/") === true ? words(value)[0] : undefined;
}

/** Reads a `.list` file: `deb [options] URI SUITE COMPONENT…`, one a line. */
export function parseOneLine(text: string): AptSource[] {
  const lines = text.matchAll(/^\s*(deb|deb-src)\s+(?:\[([^\]]*)\]\s*)?(\S+)\s+(\S+)[ \t]*([^#\n]*)/gm);
  return [...lines].map(([, type = "", options = "", uri = "", suite = "", components = ""]) => ({
    types: [type],
    uris: [uri],
    suites: [suite],
    components: words(components),
    signedBy: keyringOf(/(?:^|\s)signed-by=(\S+)/.exec(options)?.[1]),
    isEnabled: true,
  }));
}

/**
 * Turns this machine's sources to an OS: the same mirrors, the OS's suites, all of its components.
 * Sources of other distributions and of vendors, backports and source packages are left out.
 * @returns one-line sources. Where this machine has no mirror of the OS's archives: the catalogue's.
 */
export function deriveSources(machine: readonly AptSource[], os: OperatingSystem): string[] {
  const derived = machine
    .filter((source) => source.isEnabled && source.types.includes("deb"))
    .flatMap((source) => source.suites.map((suite) => ({ source, suite: turnSuite(suite, os) })))
    .flatMap(({ source, suite }) =>
      suite === undefined
        ? []
        : source.uris.map((uri) => sourceLine(uri, suite, os, source.signedBy ?? os.keyring.here)),
    );
  const hasMain = derived.some((line) => line.includes(` ${os.codename} `));
  return hasMain ? [...new Set(derived)] : vendorSources(os, os.keyring.here);
}

/** @returns the OS's own suite of the same purpose; undefined for what is no suite of its archives. */
function turnSuite(suite: string, os: OperatingSystem): string | undefined {
  const name = suite.replace(/\/$/, "");
  const codename = os.relatives.find((relative) => name === relative || name.startsWith(`${relative}-`));
  if (codename === undefined) return undefined;
  const turned = os.codename + name.slice(codename.length);
  return os.archives.some((archive) => archive.suites.includes(turned)) ? turned : undefined;
}

function sourceLine(uri: string, suite: string, os: OperatingSystem, keyring: string): string {
  return `deb [signed-by=${keyring}] ${uri} ${suite} ${os.components.join(" ")}`;
}

/** @param key path of the keys that sign it. @returns one-line source. */
export function archiveLine({ uri, suite, components }: PackageArchive, key: string): string {
  return ["deb", `[signed-by=${key}]`, uri, suite, ...components].join(" ");
}

/** The catalogue's archives: what an image's own apt is set to, whatever machine built it. */
export function catalogueSources(os: OperatingSystem): string[] {
  return vendorSources(os, os.keyring.inSystem);
}

function vendorSources(os: OperatingSystem, keyring: string): string[] {
  return os.archives.flatMap((archive) =>
    archive.suites.map((suite) => sourceLine(archive.uri, suite, os, keyring)),
  );
}

/** Settings of this machine that decide whether its mirrors can be reached and believed. */
const networkSettings = /^Acquire::((https?|ftp)(::|\s)|Retries|Check-Date|Check-Valid-Until|Max-FutureTime)/;

/**
 * @param dump what `apt-config dump` prints.
 * @returns its lines about proxies, certificates, retries and dates: they hold for a build's downloads too.
 */
export function networkConfig(dump: string): string[] {
  return dump.split("\n").filter((line) => networkSettings.test(line) && !/""\s*;$/.test(line));
}
