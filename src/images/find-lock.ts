/** Finds the lock that holds for a request: that of the newest image which asked for the same packages. */
import type { Manifest } from "../store/manifest.ts";
import type { Store } from "../store/store.ts";
import { type PackageLock, type PackageRequest, parseLock, requestDigest } from "./package-lock.ts";

/** Every image carries its lock under this name. */
export const lockArtefact = "packages.lock";

/** @returns undefined when no image of this kind was made of the same request. */
export async function findLock(
  store: Store,
  kind: Manifest["kind"],
  request: PackageRequest,
): Promise<PackageLock | undefined> {
  const wanted = requestDigest(request);
  const { images } = await store.list();
  for (const { manifest } of images) {
    if (manifest.kind !== kind || manifest.os !== request.os) continue;
    const lock = await readLock(store, manifest);
    if (lock?.request === wanted) return lock;
  }
  return undefined;
}

/** A lock that is gone or damaged is none: the packages are resolved anew. */
export async function readLock(store: Store, manifest: Manifest): Promise<PackageLock | undefined> {
  const artefact = manifest.artefacts.find(({ name }) => name === lockArtefact);
  if (artefact === undefined) return undefined;
  try {
    return parseLock((await store.readBlob(artefact.sha256)).toString("utf8"));
  } catch {
    return undefined;
  }
}
