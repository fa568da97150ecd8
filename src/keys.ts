/** The cluster's own keys: a door that makes them once and reads their public halves. */
import { createPublicKey, generateKeyPairSync } from "node:crypto";
import { chmod, link, mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describeError, ImagectlError } from "./errors.ts";
import { run } from "./run.ts";

export type KeyPair = { readonly privateKey: string; readonly publicKey: string };

/** Paths of the key files. */
export type KeyPaths = {
  /** OpenSSH key with which the bastion reaches the account `imagectl` on nodes. */
  readonly agent: KeyPair;
  /** OpenSSH key that signs the host keys of nodes. */
  readonly hostCa: KeyPair;
  /** Ed25519 key (PKCS #8 and SPKI, PEM) that signs image manifests. */
  readonly manifest: KeyPair;
};

/** The public halves that end up on nodes: one OpenSSH line each, without a line end. */
export type PublicKeys = { readonly agentKey: string; readonly hostCaKey: string };

/** @returns where the keys lie in `directory`, whether or not they exist yet. */
export function keyPaths(directory: string): KeyPaths {
  const pair = (name: string, extension: string): KeyPair => ({
    privateKey: join(directory, `${name}${extension}`),
    publicKey: join(directory, `${name}.pub${extension}`),
  });
  return {
    agent: pair("agent_ed25519", ""),
    hostCa: pair("host_ca_ed25519", ""),
    manifest: pair("manifest_ed25519", ".pem"),
  };
}

/**
 * Makes the keys that do not exist yet; those that exist stay as they are.
 * Two calls at once agree: a private key is put in place by link(2), which only one of them wins.
 * @param directory made with mode 0700 when it is missing.
 * @throws ImagectlError COMMAND_FAILED when ssh-keygen cannot be run.
 */
export async function ensureKeys(directory: string): Promise<KeyPaths> {
  const paths = keyPaths(directory);
  const scratch = await makeScratch(directory);
  try {
    await ensureSshKey(paths.agent, join(scratch, "agent"), "imagectl-agent");
    await ensureSshKey(paths.hostCa, join(scratch, "host-ca"), "imagectl-host-ca");
    await ensureManifestKey(paths.manifest, join(scratch, "manifest"));
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
  return paths;
}

async function makeScratch(directory: string): Promise<string> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await chmod(directory, 0o700);
    return await mkdtemp(join(directory, ".new-"));
  } catch (error) {
    throw unreadable(directory, error);
  }
}

function unreadable(path: string, error: unknown): ImagectlError {
  return new ImagectlError("KEYS_UNREADABLE", `cannot use ${path}: ${describeError(error)}`, {
    hint: "Keys belong to root: run imagectl with sudo, or point IMAGECTL_STATE to a directory of yours.",
    cause: error,
  });
}

async function ensureSshKey(pair: KeyPair, scratch: string, comment: string): Promise<void> {
  const quiet = ["-q", "-t", "ed25519", "-N", "", "-C", comment];
  if (!(await exists(pair.privateKey))) {
    await run("ssh-keygen", [...quiet, "-f", scratch], {
      hint: "Install it: apt-get install openssh-client",
    });
    await placeOnce(scratch, pair.privateKey);
  }
  // Always from the private half, so that the two can never disagree.
  const { stdout } = await run("ssh-keygen", ["-y", "-P", "", "-f", pair.privateKey]);
  await writePublic(pair.publicKey, stdout, scratch);
}

async function ensureManifestKey(pair: KeyPair, scratch: string): Promise<void> {
  if (!(await exists(pair.privateKey))) {
    const { privateKey } = generateKeyPairSync("ed25519");
    await writeFile(scratch, privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
    await placeOnce(scratch, pair.privateKey);
  }
  const publicKey = createPublicKey(await readFile(pair.privateKey, "utf8"));
  await writePublic(pair.publicKey, String(publicKey.export({ type: "spki", format: "pem" })), scratch);
}

async function placeOnce(scratch: string, target: string): Promise<void> {
  await chmod(scratch, 0o600);
  await link(scratch, target).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error;
  });
}

async function writePublic(target: string, text: string, scratch: string): Promise<void> {
  const fresh = `${scratch}.public`;
  await writeFile(fresh, text, { mode: 0o644 });
  await rename(fresh, target);
}

async function exists(path: string): Promise<boolean> {
  return (await readText(path)) !== undefined;
}

/**
 * Reads the public halves that nodes get.
 * @throws ImagectlError KEYS_MISSING when `ensureKeys` never ran for this directory.
 */
export async function readPublicKeys(directory: string): Promise<PublicKeys> {
  const paths = keyPaths(directory);
  const [agentKey, hostCaKey] = await Promise.all([
    readPublicKey(paths.agent.publicKey),
    readPublicKey(paths.hostCa.publicKey),
  ]);
  return { agentKey, hostCaKey };
}

async function readPublicKey(path: string): Promise<string> {
  const text = await readText(path);
  if (text === undefined) {
    throw new ImagectlError("KEYS_MISSING", `the cluster has no keys yet: ${path} does not exist`, {
      hint: `Make them once: sudo imagectl keys init (they go to ${dirname(path)})`,
    });
  }
  return text.trim();
}

async function readText(path: string): Promise<string | undefined> {
  return readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw unreadable(path, error);
  });
}
