/** Which images may go, and what that frees: a pure decision over what the store lists. */
import type { Image } from "./manifest.ts";

export type PruneRule = {
  /** Of each plan, as many of the newest stay while they are younger than `olderThanMs`. At least 1. */
  readonly keep: number;
  readonly olderThanMs: number;
  readonly now: Date;
};

/** An image that goes, and by which half of the rule. */
export type Superfluous = { readonly image: Image; readonly reason: "superseded" | "old" };

/**
 * An image goes when `keep` newer ones of its plan are there, or when it is old. An installer does not age: it is what
 * its vendor published, and to get it again is 2 to 3 GB.
 * @param images newest first, as the store lists them.
 */
export function findSuperfluous(images: readonly Image[], rule: PruneRule): Superfluous[] {
  const seen = new Map<string, number>();
  return images.flatMap((image): Superfluous[] => {
    const { planKey, createdAt, kind } = image.manifest;
    const newer = seen.get(planKey) ?? 0;
    seen.set(planKey, newer + 1);
    if (newer >= rule.keep) return [{ image, reason: "superseded" }];
    const ageMs = rule.now.getTime() - Date.parse(createdAt);
    return kind !== "installer" && ageMs > rule.olderThanMs ? [{ image, reason: "old" }] : [];
  });
}

/** @returns bytes of those blobs that no other image names. */
export function bytesFreed(images: readonly Image[], going: readonly Image[]): number {
  const goingIds = new Set(going.map(({ id }) => id));
  const staying = images.filter(({ id }) => !goingIds.has(id));
  const kept = new Set(staying.flatMap(({ manifest }) => manifest.artefacts.map(({ sha256 }) => sha256)));
  const lost = new Map(
    going.flatMap(({ manifest }) => manifest.artefacts.map(({ sha256, bytes }) => [sha256, bytes] as const)),
  );
  return [...lost].reduce((sum, [sha256, bytes]) => (kept.has(sha256) ? sum : sum + bytes), 0);
}
