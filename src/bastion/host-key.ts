/** The bastion's own ssh host key, signed by the cluster's host CA as those of nodes are. */
import { existsSync } from "node:fs";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { type CertificateSettings, certificateFor } from "../host-certificate.ts";
import { run } from "../run.ts";

const folder = "/etc/ssh";
const keyFile = `${folder}/ssh_host_ed25519_key`;
const certificateFile = `${keyFile}-cert.pub`;

/**
 * Makes the key where there is none, and a certificate where the one that is there does not do.
 * @returns whether there is a new certificate: a running sshd takes it when it is reloaded.
 */
export async function certifyHostKey(settings: CertificateSettings): Promise<boolean> {
  await mkdir(folder, { recursive: true });
  if (!existsSync(keyFile)) await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", keyFile]);
  const hostKey = (await readFile(`${keyFile}.pub`, "utf8")).trim();
  const present = existsSync(certificateFile) ? (await readFile(certificateFile, "utf8")).trim() : undefined;
  const certificate = await certificateFor(settings, hostKey, present);
  if (certificate === present) return false;
  await writeFile(`${certificateFile}.new`, `${certificate}\n`, { mode: 0o644 });
  await rename(`${certificateFile}.new`, certificateFile);
  return true;
}
