/** storage.config as actions: what each refers to, and the order in which the installer takes them. */
import { isMap, type Place, textOf } from "./place.ts";
import type { Subject } from "./subject.ts";

export type Action = {
  readonly place: Place;
  readonly type: string;
  readonly id: string;
};

/** Actions that have a type and an id; the others are findings of the shape. */
export function actionsOf({ autoinstall }: Subject): Action[] {
  // The installer looks at `layout` first and then at nothing else.
  if (autoinstall.at("storage").at("layout").value !== undefined) return [];
  return autoinstall
    .at("storage")
    .at("config")
    .items()
    .flatMap((place): Action[] => {
      const type = textOf(place.at("type"));
      const id = textOf(place.at("id"));
      return isMap(place.value) && type !== undefined && id !== undefined ? [{ place, type, id }] : [];
    });
}

/** What each type knows. Source: curtin's storage schemas, and subiquity's models for what it adds to them. */
type ActionType = {
  readonly keys: string;
  readonly required: string;
  /** Keys that hold an id or a list of ids, with the types that it may be of. */
  readonly refersTo: Readonly<Record<string, readonly string[]>>;
};

/** What can hold partitions, file systems or parts of something larger. */
const device = ["disk", "partition", "raid", "dm_crypt", "lvm_partition", "bcache", "device", "dasd"];

export const actionTypes: Readonly<Record<string, ActionType>> = {
  disk: {
    keys: "serial wwn path match model vendor wipe preserve name ptable grub_device multipath device_id nvme_controller",
    required: "",
    refersTo: { nvme_controller: ["nvme_controller"] },
  },
  partition: {
    keys: "size flag number preserve wipe grub_device name multipath offset resize partition_type partition_name path uuid attrs is_in_extended",
    required: "device size",
    refersTo: { device },
  },
  format: {
    keys: "fstype label uuid preserve extra_options name",
    required: "volume fstype",
    refersTo: { volume: device },
  },
  mount: {
    keys: "path fstype options spec freq passno",
    required: "",
    refersTo: { device: ["format"] },
  },
  raid: {
    keys: "name mdname raidlevel metadata preserve ptable wipe path",
    required: "raidlevel",
    refersTo: { devices: device, spare_devices: device, container: ["raid"] },
  },
  lvm_volgroup: {
    keys: "name preserve uuid wipe",
    required: "name devices",
    refersTo: { devices: device },
  },
  lvm_partition: {
    keys: "name size preserve wipe path",
    required: "name volgroup",
    refersTo: { volgroup: ["lvm_volgroup"] },
  },
  dm_crypt: {
    keys: "dm_name key keyfile options recovery_key recovery_keyfile recovery_livefile preserve path wipe",
    required: "volume",
    refersTo: { volume: device },
  },
  bcache: {
    keys: "name cache_mode preserve path",
    required: "",
    refersTo: { backing_device: device, cache_device: device },
  },
  zpool: {
    keys: "pool pool_properties fs_properties default_features mountpoint encryption_style keyfile",
    required: "pool vdevs",
    refersTo: { vdevs: device },
  },
  zfs: { keys: "volume properties", required: "pool volume", refersTo: { pool: ["zpool"] } },
  dasd: {
    keys: "device_id name preserve blocksize disk_layout label mode",
    required: "device_id",
    refersTo: {},
  },
  nvme_controller: { keys: "transport tcp_port tcp_addr preserve", required: "transport", refersTo: {} },
  device: { keys: "path", required: "", refersTo: {} },
};

/** Keys with a few words to choose from. Source: curtin's storage schemas. */
export const actionWords: Readonly<Record<string, readonly unknown[]>> = {
  flag: "bios_grub boot extended home linux logical lvm mbr msftres prep raid swap".split(" ").concat(""),
  wipe: ["random", "superblock", "superblock-recursive", "zero"],
  ptable: ["gpt", "msdos", "dos", "vtoc", "unsupported"],
  fstype:
    "btrfs ext2 ext3 ext4 f2fs fat fat12 fat16 fat32 iso9660 vfat jfs ntfs reiserfs swap xfs zfsroot".split(
      " ",
    ),
  raidlevel: [
    ...[0, 1, 4, 5, 6, 10],
    ..."0 1 4 5 6 10 raid0 raid1 raid4 raid5 raid6 raid10 linear mirror stripe container".split(" "),
  ],
};

export type Reference = { readonly place: Place; readonly id: string; readonly types: readonly string[] };

/** @returns every id that the action names, with its place. */
export function referencesOf({ place, type }: Action): Reference[] {
  const refersTo = Object.hasOwn(actionTypes, type) ? actionTypes[type]?.refersTo : undefined;
  return Object.entries(refersTo ?? {}).flatMap(([key, types]) => {
    const holder = place.at(key);
    return [holder, ...holder.items()].flatMap((at): Reference[] => {
      const id = textOf(at);
      return id === undefined ? [] : [{ place: at, id, types }];
    });
  });
}

/** The first action that refers to `id` by `key`. */
export function findUser(
  actions: readonly Action[],
  type: string,
  key: string,
  id: string,
): Action | undefined {
  return actions.find((action) => action.type === type && action.place.at(key).value === id);
}

/** The path at which a device's file system is mounted. */
export function mountPathOf(actions: readonly Action[], id: string): string | undefined {
  const format = findUser(actions, "format", "volume", id);
  const mount = format && findUser(actions, "mount", "device", format.id);
  return mount && textOf(mount.place.at("path"));
}
