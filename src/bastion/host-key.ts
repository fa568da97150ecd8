/** The bastion's own ssh host key, signed by the cluster's host CA as those of nodes are. */
import { existsSync } from "node:fs";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { run } from "../run.ts";
import { isCertificateGood } from "./certificate.ts";

const folder = "/etc/ssh";
const keyFile = `${folder}/ssh_host_ed25519_key`;
const certificateFile = `${keyFile}-cert.pub`;

export type HostKeySettings = {
  readonly hostname: string;
  readonly domain: string;
  readonly address: string;
  /** Public key of the CA: a file. */
  readonly caPublicKey: string;
  readonly now: Date;
  /** Signs with the CA's private key. */
  readonly sign: (request: {
    readonly hostname: string;
    readonly domain: string;
    readonly address: string;
    readonly hostKey: string;
    readonly serial: number;
  }) => Promise<string>;
};

/**
 * Makes the key where there is none, and a certificate where the one that is there does not do.
 * @returns whether there is a new certificate: a running sshd takes it when it is reloaded.
 */
export async function certifyHostKey(settings: HostKeySettings): Promise<boolean> {
  const { hostname, domain, address, now } = settings;
  await mkdir(folder, { recursive: true });
  if (!existsSync(keyFile)) await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", keyFile]);
  const wanted = {
    keyFingerprint: await fingerprintOf(`${keyFile}.pub`),
    caFingerprint: await fingerprintOf(settings.caPublicKey),
    principals: [hostname, `${hostname}.${domain}`, address],
  };
  if (existsSync(certificateFile)) {
    const { stdout } = await run("ssh-keygen", ["-L", "-f", certificateFile], {
      okExitCodes: [0, 255],
      // It prints local time.
      env: { TZ: "UTC" },
    });
    if (isCertificateGood(stdout, wanted, now)) return false;
  }
  const hostKey = (await readFile(`${keyFile}.pub`, "utf8")).trim();
  const serial = Math.floor(now.getTime() / 1000);
  const certificate = await settings.sign({ hostname, domain, address, hostKey, serial });
  await writeFile(`${certificateFile}.new`, `${certificate}\n`, { mode: 0o644 });
  await rename(`${certificateFile}.new`, certificateFile);
  return true;
}

/** `256 SHA256:… comment (ED25519)`: ssh-keygen(1) -l. */
async function fingerprintOf(file: string): Promise<string> {
  const { stdout } = await run("ssh-keygen", ["-l", "-f", file]);
  return stdout.split(" ")[1] ?? "";
}
