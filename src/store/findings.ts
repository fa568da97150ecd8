/** What can be wrong with an image in the store, and what to do about it. Pure. */
import type { Finding } from "../errors.ts";
import type { Artefact, Image } from "./manifest.ts";

/** What lies in the store under an artefact's digest. Its own digest is known once it was read. */
export type StoredBlob = { readonly bytes: number; readonly sha256?: string };

/** @returns the first twelve digits, as people compare them. */
export function shortId(id: string): string {
  return id.slice(0, 12);
}

/**
 * @param stored undefined when there is no blob.
 * @returns nothing when the stored blob is the artefact, as far as it was looked at.
 */
export function checkArtefact(image: Image, artefact: Artefact, stored: StoredBlob | undefined): Finding[] {
  if (stored === undefined) return [damaged(image, artefact, "its blob is missing from the store")];
  if (stored.bytes !== artefact.bytes) {
    return [damaged(image, artefact, `its blob has ${stored.bytes} bytes instead of ${artefact.bytes}`)];
  }
  if (stored.sha256 !== undefined && stored.sha256 !== artefact.sha256) {
    return [damaged(image, artefact, `its blob has SHA-256 ${stored.sha256} instead of ${artefact.sha256}`)];
  }
  return [];
}

function damaged(image: Image, artefact: Artefact, message: string): Finding {
  return {
    code: "IMAGE_DAMAGED",
    where: `image ${shortId(image.id)}: ${artefact.name}`,
    message,
    hint: `Build it again: imagectl build --os ${image.manifest.os}`,
    severity: "error",
  };
}

/** A manifest file that cannot be used: cut short, altered, or of another version of imagectl. */
export function manifestDamaged(id: string, message: string): Finding {
  return {
    code: "IMAGE_DAMAGED",
    where: `image ${shortId(id)}: manifest`,
    message,
    hint: "Build the image again (imagectl build --os OS), then remove this manifest: imagectl images prune",
    severity: "error",
  };
}

export function manifestUnsigned(id: string, message: string): Finding {
  return {
    code: "IMAGE_UNSIGNED",
    where: `image ${shortId(id)}: signature`,
    message,
    hint: "Do not deploy it. Build it again on this bastion: imagectl build --os OS",
    severity: "error",
  };
}
