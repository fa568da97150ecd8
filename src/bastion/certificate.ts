/** Whether the bastion's host certificate still says what it should: read from `ssh-keygen -L`. Pure. */

export type WantedCertificate = {
  /** `SHA256:…` of the host's own key. */
  readonly keyFingerprint: string;
  /** `SHA256:…` of the cluster's host CA. */
  readonly caFingerprint: string;
  readonly principals: readonly string[];
};

/** A certificate holds a year; whoever applies at least every eleven months never sees it end. Milliseconds. */
const renewBeforeMs = 30 * 86_400_000;

/** @param listing what `ssh-keygen -L -f CERTIFICATE` prints. */
export function isCertificateGood(listing: string, wanted: WantedCertificate, now: Date): boolean {
  const ends = /^ +Valid: (?:from \S+ to|before) (\S+)$/m.exec(listing)?.[1];
  const [, block = ""] = /^ +Principals: *\n((?: {16,}.*\n)*)/m.exec(listing) ?? [];
  const principals = block.split("\n").flatMap((line) => (line.trim() === "" ? [] : [line.trim()]));
  return (
    listing.includes(`Public key: ED25519-CERT ${wanted.keyFingerprint}\n`) &&
    listing.includes(`Signing CA: ED25519 ${wanted.caFingerprint} `) &&
    principals.join(" ") === wanted.principals.join(" ") &&
    ends !== undefined &&
    Date.parse(ends) - now.getTime() > renewBeforeMs
  );
}
