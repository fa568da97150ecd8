/** The door to gpgv: whether a list of sums is signed by the pinned key. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { anyExitCode, run } from "../../run.ts";
import type { SigningKey } from "./installers.ts";
import { judgeSignature, type SignatureVerdict } from "./sums.ts";

/**
 * Of the bytes themselves, not of files: what was verified is what is read afterwards.
 * @param signature detached: the content of SHA256SUMS.gpg.
 */
export async function verifySignature(
  sums: Uint8Array,
  signature: Uint8Array,
  key: SigningKey,
): Promise<SignatureVerdict> {
  const folder = await mkdtemp(join(tmpdir(), "imagectl-sums-"));
  try {
    const [sumsFile, signatureFile] = [join(folder, "SHA256SUMS"), join(folder, "SHA256SUMS.gpg")];
    await writeFile(sumsFile, sums);
    await writeFile(signatureFile, signature);
    const words = ["--status-fd", "1", "--keyring", key.keyring, signatureFile, sumsFile];
    // Its exit code is that of the worst signature; one good one is enough.
    const { stdout } = await run("gpgv", words, { okExitCodes: anyExitCode, env: { GNUPGHOME: folder } });
    return judgeSignature(stdout, key.fingerprint);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
