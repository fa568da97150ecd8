/** A folder that a command fills: never one that holds somebody else's files. */
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describeError, ImagectlError } from "../errors.ts";

/**
 * Makes the folder, or empties it where the same command filled it before.
 * @param command its name, which marks the folder.
 * @param mode of a folder that is made.
 * @throws ImagectlError OUTPUT_NOT_OURS.
 */
export async function takeOutputFolder(directory: string, command: string, mode = 0o777): Promise<void> {
  const marker = `.imagectl-${command}`;
  const entries = await listOrMake(directory, mode);
  if (entries.length > 0 && !entries.includes(marker)) {
    throw new ImagectlError("OUTPUT_NOT_OURS", `${directory} holds files that ${command} did not write`, {
      hint: "Name an empty directory, or one that is not there yet: --out DIR",
    });
  }
  // The marker goes last and comes first, so that an interrupted run leaves a directory that is still ours.
  for (const entry of entries.filter((name) => name !== marker)) {
    await rm(join(directory, entry), { recursive: true });
  }
  await writeFile(
    join(directory, marker),
    `Written by imagectl ${command}, which may empty this directory.\n`,
  );
}

async function listOrMake(directory: string, mode: number): Promise<string[]> {
  try {
    await mkdir(directory, { recursive: true, mode });
    return await readdir(directory);
  } catch (error) {
    throw new ImagectlError("OUTPUT_NOT_OURS", `cannot write to ${directory}: ${describeError(error)}`, {
      hint: "Name a directory that this user may make or write: --out DIR",
      cause: error,
    });
  }
}
