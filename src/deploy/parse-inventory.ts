/** What a node posts of itself, parsed at the edge: `POST {seedUrl}/inventory`. */
import { z } from "zod";
import { ImagectlError } from "../errors.ts";
import type { Inventory } from "../plan/inventory.ts";
import { firmwares } from "../store/manifest.ts";

/** A device path that can stand in a step: what the node sends back to itself must not be more than a path. */
const DevicePath = z
  .string()
  .regex(/^\/dev\/[A-Za-z0-9][A-Za-z0-9._-]*$/, "expected a path such as /dev/vda");

/** It stands in a step, too: the UUIDs of ext4 and XFS, and the shorter ones of FAT and NTFS. */
const FilesystemUuid = z.string().regex(/^[0-9A-Fa-f-]{1,36}$/, "expected a UUID");

const Text = z.string().max(256);

const Disk = z.strictObject({
  path: DevicePath,
  bytes: z.int().nonnegative(),
  model: Text,
  serial: Text,
  wwn: Text,
  idPaths: z.array(Text),
  isRemovable: z.boolean(),
  isReadOnly: z.boolean(),
  transport: Text,
  signatures: z.array(Text),
  filesystems: z.array(
    z.strictObject({ device: DevicePath, type: Text, uuid: FilesystemUuid, partitionName: Text }),
  ),
});

const InventorySchema = z.strictObject({
  firmware: z.enum(firmwares),
  memoryMiB: z.int().positive(),
  cpus: z.int().positive(),
  product: Text,
  serial: Text,
  disks: z.array(Disk),
  nics: z.array(z.strictObject({ name: Text, mac: Text, hasCarrier: z.boolean() })),
});

/**
 * @param json the request's body, as the deploy environment's agent writes it.
 * @throws ImagectlError INVENTORY_MALFORMED naming the first wrong member.
 */
export function parseInventory(json: string): Inventory {
  const result = InventorySchema.safeParse(parseJson(json));
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw malformed(`${issue?.path.join(".") ?? ""}: ${issue?.message ?? "unknown"}`, result.error);
}

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (error) {
    throw malformed("it is not JSON", error);
  }
}

function malformed(what: string, cause: unknown): ImagectlError {
  return new ImagectlError("INVENTORY_MALFORMED", `the node's inventory cannot be read: ${what}`, {
    hint: "Image and server are of different versions: build the image again with `imagectl build`.",
    cause,
  });
}
