/** The cluster's host CA: signs the key that a node made of itself, so that nobody is ever asked "yes/no". */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "./run.ts";

export type HostKeyRequest = {
  readonly hostname: string;
  readonly domain: string;
  readonly address: string;
  /** One OpenSSH public key line. */
  readonly hostKey: string;
  /** Unique per certificate: key revocation lists name it (ssh-keygen(1), KEY REVOCATION LISTS). */
  readonly serial: number;
};

/**
 * Without a beginning: a certificate of a bastion whose clock was ahead is good when the clock is right again.
 * For 52 weeks: an old certificate ends by itself, and running nodes get new ones in time (serve/host-certificates.ts).
 */
const validity = "always:+52w";

/**
 * @param caKey path of the CA's private key.
 * @returns the certificate line, for `ssh_host_ed25519_key-cert.pub`.
 * @throws ImagectlError COMMAND_FAILED when ssh-keygen refuses the key.
 */
export async function signHostKey(caKey: string, request: HostKeyRequest): Promise<string> {
  const { hostname, domain, address, hostKey, serial } = request;
  const folder = await mkdtemp(join(tmpdir(), "imagectl-host-key-"));
  try {
    const file = join(folder, "key.pub");
    await writeFile(file, `${hostKey}\n`);
    const principals = [hostname, `${hostname}.${domain}`, address].join(",");
    await run("ssh-keygen", [
      ...["-q", "-s", caKey, "-I", hostname, "-h", "-n", principals],
      ...["-V", validity, "-z", String(serial), file],
    ]);
    return (await readFile(join(folder, "key-cert.pub"), "utf8")).trim();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
