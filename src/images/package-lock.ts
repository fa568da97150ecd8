/** The package lock: which packages, in which version, with which bytes, an image is made of. Pure. */
import { z } from "zod";
import { digestOf, type Sha256, sha256Pattern } from "../digest.ts";
import { ImagectlError } from "../errors.ts";
import type { PackageArchive } from "../roles/role.ts";

export const LockedPackage = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9+.-]+$/),
  /** Debian version, with its epoch: `2:8.39-15`. */
  version: z.string().regex(/^[A-Za-z0-9.+~:-]+$/),
  architecture: z.enum(["amd64", "all"]),
  /** Of the .deb. */
  sha256: z.string().regex(sha256Pattern),
  /** Of the .deb. */
  bytes: z.int().positive(),
});
export type LockedPackage = z.output<typeof LockedPackage>;

export const PackageLock = z.strictObject({
  schema: z.literal(1),
  os: z.string(),
  /** Digest of what was asked for: the lock holds as long as the same is asked for. */
  request: z.string().regex(sha256Pattern),
  /** When it was resolved, seconds since 1970: every file made by a build is dated so (SOURCE_DATE_EPOCH). */
  epoch: z.int().positive(),
  /** By name. */
  packages: z.array(LockedPackage),
});
export type PackageLock = z.output<typeof PackageLock>;

/** What apt is asked to resolve. Names may be apt patterns. */
export type PackageRequest = {
  readonly os: string;
  readonly packages: readonly string[];
  /** Of the archives, beside those of every image. */
  readonly components?: readonly string[];
  /** Of others. */
  readonly archives?: readonly PackageArchive[];
};

export function requestDigest(request: PackageRequest): Sha256 {
  const { os, components = [], archives = [] } = request;
  const packages = [...new Set(request.packages)].sort();
  return digestOf({
    ...{ os, packages },
    ...(components.length === 0 ? {} : { components }),
    ...(archives.length === 0 ? {} : { archives }),
  });
}

/** @throws ImagectlError LOCK_MALFORMED. */
export function parseLock(text: string): PackageLock {
  try {
    return PackageLock.parse(JSON.parse(text));
  } catch (error) {
    throw new ImagectlError("LOCK_MALFORMED", "a packages.lock is not one of this version of imagectl", {
      hint: "Make a new one: imagectl build --os OS --update",
      cause: error,
    });
  }
}

/** One package a line, so that two locks can be compared with diff. */
export function formatLock(lock: PackageLock): string {
  const { packages, ...head } = lock;
  const lines = packages.map((locked) => `    ${JSON.stringify(locked)}`);
  return `${JSON.stringify(head, null, 2).slice(0, -2)},\n  "packages": [\n${lines.join(",\n")}\n  ]\n}\n`;
}

/** The name that apt gives to a .deb: an epoch's colon is escaped. */
export function debFileName(locked: LockedPackage): string {
  return `${locked.name}_${locked.version.replaceAll(":", "%3a")}_${locked.architecture}.deb`;
}

/**
 * Reads what `apt-get --print-uris` prints with `Acquire::ForceHash "SHA256"`: `'URI' FILE BYTES SHA256:HEX`.
 * @returns the packages by name.
 * @throws ImagectlError LOCK_MALFORMED for a line that names a .deb and cannot be understood.
 */
export function parsePrintedUris(text: string): LockedPackage[] {
  return text
    .split("\n")
    .filter((line) => line.startsWith("'"))
    .map(parsePrintedUri)
    .sort((left, right) => (left.name < right.name ? -1 : 1));
}

function parsePrintedUri(line: string): LockedPackage {
  const match = /^'[^']+' ([^_ ]+)_([^_ ]+)_([^_. ]+)\.deb ([0-9]+) SHA256:([0-9a-f]{64})$/.exec(line.trim());
  const [, name, version, architecture, bytes, sha256] = match ?? [];
  const parsed = LockedPackage.safeParse({
    name,
    version: version === undefined ? undefined : decodeURIComponent(version),
    architecture,
    bytes: Number(bytes),
    sha256,
  });
  if (parsed.success) return parsed.data;
  throw new ImagectlError("LOCK_MALFORMED", `apt printed a line that names no package: ${line}`, {
    hint: "apt 2.2 or newer prints SHA-256 sums. Which one is it: apt-get --version",
    cause: parsed.error,
  });
}

/** Whether two locks name the same bytes; the days on which they were made may differ. */
export function samePackages(one: PackageLock, other: PackageLock): boolean {
  return one.request === other.request && digestOf(one.packages) === digestOf(other.packages);
}

/** @returns `+ name 1.2`, `- name 1.1`, `name 1.1 -> 1.2`: what differs between two locks. */
export function compareLocks(before: PackageLock, after: PackageLock): string[] {
  const versions = (lock: PackageLock) => new Map(lock.packages.map(({ name, version }) => [name, version]));
  const [old, fresh] = [versions(before), versions(after)];
  return [...new Set([...old.keys(), ...fresh.keys()])].sort().flatMap((name) => {
    const [was, is] = [old.get(name), fresh.get(name)];
    if (was === is) return [];
    if (was === undefined) return [`+ ${name} ${is}`];
    return [is === undefined ? `- ${name} ${was}` : `${name} ${was} -> ${is}`];
  });
}
