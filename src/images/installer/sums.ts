/** SHA256SUMS and what gpgv says of its signature. Pure. */
import { ImagectlError } from "../../errors.ts";
import { isoFileName } from "./installers.ts";

/** Of SHA256SUMS or its signature: they have a few kB, and what is longer is something else. Bytes. */
export const mostSumsBytes = 1 << 20;

/** Reads what sha256sum(1) writes: digest, a space, a space or `*`, name. @returns digests by name. */
export function parseSums(text: string): ReadonlyMap<string, string> {
  const lines = text.matchAll(/^([0-9a-f]{64}) [ *](\S.*)$/gm);
  return new Map([...lines].map(([, digest = "", name = ""]) => [name.trim(), digest]));
}

/** @returns the newest point release of a release that the sums list; undefined when there is none. */
export function newestVersion(
  sums: ReadonlyMap<string, string>,
  release: string,
  architecture: string,
): string | undefined {
  const point = (version: string) => Number(version.slice(release.length + 1) || 0);
  const versions = [...sums.keys()].flatMap((name) => /^ubuntu-([0-9.]+)-live-server-/.exec(name)?.[1] ?? []);
  return versions
    .filter((version) => version === release || version.startsWith(`${release}.`))
    .filter((version) => sums.has(isoFileName(version, architecture)))
    .sort((left, right) => point(right) - point(left))[0];
}

export type SignatureVerdict =
  | { readonly kind: "good" }
  /** The signature was made for other bytes. */
  | { readonly kind: "altered" }
  /** Made by a key that is not the pinned one. */
  | { readonly kind: "other-key"; readonly key: string }
  /** By the pinned key, but it or the signature has expired or was revoked. */
  | { readonly kind: "expired" }
  /** There is no signature in the file. */
  | { readonly kind: "none" };

/**
 * Reads gpgv's `--status-fd` (GnuPG, doc/DETAILS). A file may carry several signatures: one of the pinned key is enough,
 * as each of them is over all of the bytes.
 * @param fingerprint of the pinned primary key.
 */
export function judgeSignature(status: string, fingerprint: string): SignatureVerdict {
  const verdicts = status.split(/^\[GNUPG:\] NEWSIG.*$/m).map((block) => judgeOne(block, fingerprint));
  const order: readonly SignatureVerdict["kind"][] = ["good", "altered", "expired", "other-key"];
  for (const kind of order) {
    const found = verdicts.find((verdict) => verdict.kind === kind);
    if (found !== undefined) return found;
  }
  return { kind: "none" };
}

function judgeOne(block: string, fingerprint: string): SignatureVerdict {
  const words = (keyword: string) =>
    new RegExp(`^\\[GNUPG:\\] ${keyword} (.*)$`, "m").exec(block)?.[1]?.split(" ");
  const valid = words("VALIDSIG");
  if (valid !== undefined) {
    // The last word is the primary key's: a subkey may have signed.
    const primary = valid[9] ?? valid[0] ?? "";
    if (primary !== fingerprint) return { kind: "other-key", key: primary };
    return words("GOODSIG") === undefined ? { kind: "expired" } : { kind: "good" };
  }
  if (words("BADSIG") !== undefined) return { kind: "altered" };
  const unknown = words("ERRSIG")?.[0];
  return unknown === undefined ? { kind: "none" } : { kind: "other-key", key: unknown };
}

/**
 * @param what the file, for people.
 * @throws ImagectlError ISO_UNSIGNED for every verdict but a good one.
 */
export function requireGood(verdict: SignatureVerdict, what: string, owner: string, hint: string): void {
  if (verdict.kind === "good") return;
  throw new ImagectlError("ISO_UNSIGNED", `${what} ${complaint(verdict, owner)}`, { hint });
}

function complaint(verdict: Exclude<SignatureVerdict, { kind: "good" }>, owner: string): string {
  switch (verdict.kind) {
    case "altered":
      return `is not what was signed: it was changed, or belongs to another SHA256SUMS.gpg`;
    case "other-key":
      return `is signed by the key ${verdict.key}, and not by ${owner}`;
    case "expired":
      return `is signed by a key of ${owner} that has expired or was revoked`;
    case "none":
      return `is not signed: its SHA256SUMS.gpg holds no signature`;
    default:
      return verdict satisfies never;
  }
}
