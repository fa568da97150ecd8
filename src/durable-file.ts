/** Files that are on the disk when we say so: written with an exact mode and synced, and folders likewise. */
import { open } from "node:fs/promises";

/** @param mode permission bits. open(2) takes the umask off, chmod(2) does not. */
export async function writeSynced(path: string, content: string | Uint8Array, mode: number): Promise<void> {
  const file = await open(path, "w", mode);
  try {
    await file.writeFile(content);
    await file.chmod(mode);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** fsync(2) of a file, or of the folder in which one was renamed. */
export async function syncPath(path: string): Promise<void> {
  const file = await open(path, "r");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
