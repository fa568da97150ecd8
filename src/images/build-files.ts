/** Files of the operator that an image is built with: each where the cluster file says, and the one that it means. */
import { copyFile, mkdir } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { describeError, type Finding, throwOnErrors } from "../errors.ts";
import type { BuildFile } from "../roles/role.ts";
import { hashFile } from "../store/file-system.ts";

/**
 * @param folder from which their paths are meant.
 * @throws ImagectlError BUILD_FILES_INVALID with every file that is not there or is another one.
 */
export async function requireBuildFiles(files: readonly BuildFile[], folder: string): Promise<void> {
  const findings = await Promise.all(files.map((file) => examine(file, resolve(folder, file.path))));
  throwOnErrors("BUILD_FILES_INVALID", "files of the build", findings.flat());
}

/** @throws ImagectlError BUILD_FILES_INVALID where what was copied is another file. */
export async function copyBuildFile(file: BuildFile, folder: string, target: string): Promise<void> {
  await mkdir(dirname(target), { recursive: true });
  await copyFile(resolve(folder, file.path), target);
  throwOnErrors("BUILD_FILES_INVALID", "files of the build", await examine(file, target));
}

/** @param place where the file is, or was copied to. */
async function examine({ path, sha256 }: BuildFile, place: string): Promise<Finding[]> {
  const refuse = (message: string, hint: string): Finding[] => [
    { code: "BUILD_FILES_INVALID", where: path, message, hint, severity: "error" },
  ];
  try {
    const found = await hashFile(place);
    if (found === undefined) {
      return refuse(
        `the cluster file names it, and ${place} is not there`,
        "Put it there, or correct its path in the cluster file",
      );
    }
    if (found.sha256 === sha256) return [];
    return refuse(
      `it is not the file that the cluster file means: its SHA-256 is ${found.sha256}, and not ${sha256}`,
      "Fetch it anew from its maker and compare; where another version is wanted, give its sha256 in the cluster file",
    );
  } catch (error) {
    return refuse(`it cannot be read: ${describeError(error)}`, `Look at it: ls -l ${place}`);
  }
}
