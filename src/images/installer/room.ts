/** Free space for an ISO, asked before gigabytes are written: a door. */
import { mkdir, stat } from "node:fs/promises";
import type { Store } from "../../store/store.ts";
import { requireSpace } from "../build-room.ts";

export type Room = {
  /** Where files come into being, before they move into the store. */
  readonly folder: string;
  /** That will still be written there. */
  readonly folderBytes: number;
  /** That will be in the store in the end. */
  readonly storeBytes: number;
};

/**
 * On one disk a file moves into the store without taking more of it.
 * @throws ImagectlError DISK_SPACE_LOW.
 */
export async function requireRoom({ folder, folderBytes, storeBytes }: Room, store: Store): Promise<void> {
  await requireSpace(folder, folderBytes, "set IMAGECTL_CACHE to a larger disk");
  await mkdir(store.directory, { recursive: true });
  if ((await stat(folder)).dev === (await stat(store.directory)).dev) return;
  await requireSpace(
    store.directory,
    storeBytes,
    "imagectl images prune, or set IMAGECTL_STATE to a larger disk",
  );
}
