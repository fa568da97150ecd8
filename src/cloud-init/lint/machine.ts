/** A machine as the installer's prober describes it: `probert --all`, or probe-data.json of an installed system. */
import { z } from "zod";
import { ImagectlError } from "../../errors.ts";
import { formatBytes } from "../../quantity.ts";

export type Disk = {
  readonly path: string;
  readonly bytes: number;
  readonly isSolidState: boolean;
  /** udev's properties, by which the installer matches. A missing one is the empty text. */
  readonly properties: Readonly<Record<string, string>>;
};

export type Nic = { readonly name: string; readonly mac: string };

export type Machine = {
  readonly disks: readonly Disk[];
  /** Empty when the file tells of storage alone. */
  readonly nics: readonly Nic[];
};

const BlockDevices = z.record(
  z.string(),
  z.looseObject({
    DEVNAME: z.string(),
    DEVTYPE: z.string().nullish(),
    attrs: z
      .looseObject({
        size: z.string().nullish(),
        ro: z.string().nullish(),
        "queue/rotational": z.string().nullish(),
      })
      .optional(),
  }),
);
const Storage = z.looseObject({ blockdev: BlockDevices });
const Link = z.looseObject({
  netlink_data: z.looseObject({ name: z.string() }),
  udev_data: z.looseObject({ attrs: z.looseObject({ address: z.string().nullish() }).optional() }).optional(),
});
/** The whole probe, or only the part of it that the installer keeps in /var/log/installer/block. */
const Probe = z.union([
  z.looseObject({ storage: Storage, network: z.looseObject({ links: z.array(Link) }).optional() }),
  Storage.transform((storage) => ({ storage, network: undefined })),
]);

/** Devices that hold no system: loops, RAM disks, CD drives, and what is made of other disks. */
const noDisk = /^\/dev\/(loop|ram|zram|sr|fd|dm-|md|bcache|nbd)/;

/**
 * Reads a prober's output.
 * @throws ImagectlError INVENTORY_MALFORMED when it is something else.
 */
export function parseMachine(text: string, fileName: string): Machine {
  const probe = Probe.safeParse(parseJson(text, fileName));
  if (!probe.success) throw malformed(fileName, "no output of the installer's prober", probe.error);
  const { storage, network } = probe.data;
  const disks = Object.values(storage.blockdev).flatMap((device): Disk[] => {
    const bytes = Number(device.attrs?.size ?? 0);
    const isDisk = (device.DEVTYPE ?? "disk") === "disk" && !noDisk.test(device.DEVNAME);
    if (!isDisk || device.attrs?.ro === "1" || !(bytes > 0)) return [];
    return [
      {
        path: device.DEVNAME,
        bytes,
        isSolidState: device.attrs?.["queue/rotational"] === "0",
        properties: textsOnly(device),
      },
    ];
  });
  const nics = (network?.links ?? [])
    .map((link) => ({
      name: link.netlink_data.name,
      mac: (link.udev_data?.attrs?.address ?? "").toLowerCase(),
    }))
    .filter(({ name }) => name !== "lo");
  return { disks, nics };
}

/** @returns `/dev/nvme0n1 (SAMSUNG_MZQL23T8_S64HNE0T400001, 3.8 TB)`. */
export function describeDisk(disk: Disk): string {
  return `${disk.path} (${disk.properties.ID_SERIAL ?? "no serial number"}, ${formatBytes(disk.bytes)})`;
}

function textsOnly(device: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(device).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );
}

function parseJson(text: string, fileName: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw malformed(fileName, "not JSON", cause);
  }
}

function malformed(fileName: string, why: string, cause: unknown): ImagectlError {
  return new ImagectlError("INVENTORY_MALFORMED", `${fileName} is ${why}`, {
    hint: "Take /var/log/installer/block/probe-data.json of a machine of that kind, or run in the live session: probert --all",
    cause,
  });
}
