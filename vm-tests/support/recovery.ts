/** The password of the lab's consoles: hashed as the real command does it, but known to the tests. */
import { makePassword, passwordBytes } from "../../src/cli/recovery-sheet.ts";
import { ImagectlError } from "../../src/errors.ts";
import { openSecrets } from "../../src/secrets.ts";
import { hashPassword, saltBytes } from "../../src/yescrypt.ts";

export const recoveryPassword = makePassword(Uint8Array.from({ length: passwordBytes }, (_, index) => index));

/** Keeps its hash for these nodes where there is none; each has another salt, and so another hash. */
export async function ensureRecovery(directory: string, nodes: readonly string[]): Promise<void> {
  const store = openSecrets(directory);
  for (const [index, node] of nodes.entries()) {
    const name = { name: "recovery-hash", node };
    if ((await store.read(name)) !== undefined) continue;
    const hash = await hashPassword(recoveryPassword, new Uint8Array(saltBytes).fill(index));
    const how = { isReplacing: false, now: new Date(), by: "a test" };
    await store.write(name, hash, how).catch((error: unknown) => {
      // Another test file was faster.
      if (!(error instanceof ImagectlError) || error.code !== "SECRET_EXISTS") throw error;
    });
  }
}
