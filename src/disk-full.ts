/** A full disk said in one way: which folder, and what to do. */
import { ImagectlError } from "./errors.ts";

/** errno(3): no space left, and a quota that is used up. */
const fullCodes: ReadonlySet<unknown> = new Set(["ENOSPC", "EDQUOT"]);

/** What programs say of it in the C locale: strerror(3), and apt-get, which asks before it writes. */
const fullWords = /No space left on device|Disk quota exceeded|You don't have enough free space in/;

/** Whether Node or a program that was run says that a disk is full. */
export function isDiskFull(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if ("code" in error && fullCodes.has(error.code)) return true;
  return fullWords.test(error.message) || isDiskFull(error.cause);
}

/**
 * @param folder the one that was written to, as the operator knows it.
 * @param what was not written: `root.tar.zst was not stored`.
 */
export function diskFull(folder: string, what: string, cause: unknown): ImagectlError {
  return new ImagectlError("DISK_FULL", `the disk under ${folder} is full: ${what}`, {
    hint: `Make room, then run the command again: imagectl images prune; df -h ${folder}`,
    cause,
  });
}
