/** What an image lacks: the packages of its lock against those that the archive has now. Pure. */
import type { PackageLock } from "./package-lock.ts";

/** A package as apt would install it now. */
export type Candidate = {
  readonly name: string;
  readonly version: string;
  /** It comes from a security archive, or that has the same version. */
  readonly isSecurity: boolean;
};

export type PendingUpdate = {
  readonly name: string;
  /** Undefined: the archive wants it as well now, such as a kernel under its new name. */
  readonly installed: string | undefined;
  readonly available: string;
  readonly isSecurity: boolean;
};

/**
 * Reads what `apt-get --simulate install` prints of packages that are not there yet:
 * `Inst NAME (VERSION ORIGIN, ORIGIN [ARCH])`; an origin is `LABEL:RELEASE/SUITE`, as in apt-get(8) "--simulate".
 */
export function parseSimulation(text: string): Candidate[] {
  const lines = text.matchAll(/^Inst (\S+) \((\S+) (.*) \[[a-z0-9]+\]\)/gm);
  return [...lines].map(([, name = "", version = "", origins = ""]) => ({
    name,
    version,
    isSecurity: origins.split(", ").some((origin) => /-security(\/|:|$)/i.test(origin)),
  }));
}

/** @returns security updates first, then by name. */
export function pendingUpdates(lock: PackageLock, candidates: readonly Candidate[]): PendingUpdate[] {
  const locked = new Map(lock.packages.map(({ name, version }) => [name, version]));
  return candidates
    .filter(({ name, version }) => locked.get(name) !== version)
    .map(({ name, version, isSecurity }) => ({
      name,
      installed: locked.get(name),
      available: version,
      isSecurity,
    }))
    .sort(
      (left, right) =>
        Number(right.isSecurity) - Number(left.isSecurity) || (left.name < right.name ? -1 : 1),
    );
}
