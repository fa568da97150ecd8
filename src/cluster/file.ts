/** The door to the cluster file on disk. */
import { access, chown, constants, readFile, realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { writeSynced } from "../durable-file.ts";
import { ImagectlError } from "../errors.ts";
import { type ParsedCluster, parseCluster } from "./parse.ts";

/**
 * Reads and checks a cluster file.
 * @throws ImagectlError CLUSTER_UNREADABLE when there is no such file or it may not be read.
 */
export async function readClusterFile(path: string): Promise<ParsedCluster> {
  return parseCluster(await readClusterText(path), path);
}

/** @throws ImagectlError CLUSTER_UNREADABLE. */
export async function readClusterText(path: string): Promise<string> {
  return readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    const why = error.code === "ENOENT" ? "there is no such file" : error.message;
    throw new ImagectlError("CLUSTER_UNREADABLE", `cannot read the cluster file ${path}: ${why}`, {
      hint: "Name it on the command line, or set IMAGECTL_CLUSTER. To begin a new one: imagectl init",
      cause: error,
    });
  });
}

/** Files that come with imagectl: the sample, the template of a first file. */
export function readTextFile(path: string): Promise<string> {
  return readFile(path, "utf8");
}

/**
 * Before anybody is asked anything that would be lost.
 * @throws ImagectlError CLUSTER_EXISTS, OUTPUT_NOT_WRITTEN.
 */
export async function requireNewFile(path: string): Promise<void> {
  const isThere = await access(path).then(
    () => true,
    () => false,
  );
  if (isThere) throw alreadyThere(path);
  await access(dirname(path), constants.W_OK).catch((error: Error) => {
    throw notWritten(path, error);
  });
}

/**
 * Writes a new file, and never over another one.
 * @throws ImagectlError CLUSTER_EXISTS, OUTPUT_NOT_WRITTEN.
 */
export async function createClusterFile(path: string, text: string): Promise<void> {
  await writeFile(path, text, { flag: "wx" }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "EEXIST") throw alreadyThere(path);
    throw notWritten(path, error);
  });
}

function notWritten(path: string, error: Error): ImagectlError {
  return new ImagectlError("OUTPUT_NOT_WRITTEN", `cannot write ${path}: ${error.message}`, {
    hint: "Call it with sudo, or name a file in a folder that is there and that you may write: imagectl init FILE",
    cause: error,
  });
}

function alreadyThere(path: string): ImagectlError {
  return new ImagectlError("CLUSTER_EXISTS", `${path} is there already; it stays as it is`, {
    hint: `Check it: imagectl validate ${path}. For another cluster: imagectl init OTHER.yaml`,
  });
}

/**
 * Replaces the file by rename(2), with the mode and owner that it had: a reader sees the old text or the new one.
 * A link stays a link; what it leads to is replaced.
 * @param before what the new text was made from. Another text there is somebody else's work and stays.
 * @throws ImagectlError CLUSTER_CHANGED, CLUSTER_UNREADABLE.
 */
export async function replaceClusterFile(path: string, before: string, after: string): Promise<void> {
  const target = await realpath(path);
  const { mode, uid, gid } = await stat(target);
  const scratch = `${target}.imagectl-new`;
  try {
    await writeSynced(scratch, after, mode & 0o777);
    const { uid: ours } = await stat(scratch);
    if (ours !== uid) await chown(scratch, uid, gid);
    if ((await readClusterText(path)) !== before) throw changedMeanwhile(path);
    await rename(scratch, target);
  } catch (error) {
    await rm(scratch, { force: true });
    throw error;
  }
}

function changedMeanwhile(path: string): ImagectlError {
  return new ImagectlError(
    "CLUSTER_CHANGED",
    `${path} was changed by somebody else just now; it stays as it is`,
    {
      hint: "Run the command again.",
    },
  );
}
