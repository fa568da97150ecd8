/** Whether a machine's host certificate still says what it should, and another where it does not. */
import { readFile } from "node:fs/promises";
import { signHostKey } from "./host-ca.ts";
import type { KeyPair } from "./keys.ts";
import { run } from "./run.ts";

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

export type CertificateSettings = {
  readonly hostname: string;
  readonly domain: string;
  readonly address: string;
  readonly hostCa: KeyPair;
  readonly now: Date;
};

/**
 * @param hostKey one OpenSSH public key line.
 * @param present the certificate that the machine has, if it has one.
 * @returns the present one while it does, else a new one.
 * @throws ImagectlError COMMAND_FAILED for a line that is no key.
 */
export async function certificateFor(
  { hostname, domain, address, hostCa, now }: CertificateSettings,
  hostKey: string,
  present: string | undefined,
): Promise<string> {
  const wanted = {
    keyFingerprint: await fingerprintOf(hostKey),
    caFingerprint: await fingerprintOf(await readFile(hostCa.publicKey, "utf8")),
    principals: [hostname, `${hostname}.${domain}`, address],
  };
  if (present !== undefined) {
    const { stdout } = await run("ssh-keygen", ["-L", "-f", "-"], {
      input: `${present}\n`,
      okExitCodes: [0, 1, 255],
      // It prints local time.
      env: { TZ: "UTC" },
    });
    if (isCertificateGood(stdout, wanted, now)) return present;
  }
  const serial = Math.floor(now.getTime() / 1000);
  return signHostKey(hostCa.privateKey, { hostname, domain, address, hostKey, serial });
}

/** `256 SHA256:… comment (ED25519)`: ssh-keygen(1) -l. */
async function fingerprintOf(key: string): Promise<string> {
  const { stdout } = await run("ssh-keygen", ["-l", "-f", "-"], { input: key });
  return stdout.split(" ")[1] ?? "";
}
