/** Blank disks that a node's disk policy would take: a rehearsal must pass the same choice as the real machine. */
import type { DiskMatch, DiskPolicy } from "../cluster/config.ts";
import { ImagectlError } from "../errors.ts";
import type { Firmware } from "../store/manifest.ts";
import { blankDisk, blankDiskBytes } from "./machine-lab.ts";
import type { QemuHostSettings } from "./qemu-host.ts";

type LabDisk = QemuHostSettings["disks"][number];

/** QEMU cuts the serial number of an NVMe or virtio disk off there. Characters. */
const longestSerial = 20;

/**
 * One disk for the system, and one for its mirror and for each data disk where the policy has them.
 * @throws ImagectlError LAB_DISK_IMPOSSIBLE for a policy that names what an emulated disk has not.
 */
export function labDisks(node: string, policy: DiskPolicy, firmware: Firmware): readonly LabDisk[] {
  const mirror = policy.mirror === undefined ? [] : [policy.mirror.match];
  const data = (policy.data ?? []).map(({ match }) => match);
  return [policy.match, ...mirror, ...data].map((match) => diskFor(node, match, firmware));
}

function diskFor(node: string, match: DiskMatch, firmware: Firmware): LabDisk {
  const impossible = (["model", "idPath", "wwn"] as const).find((key) => match[key] !== undefined);
  if (impossible !== undefined) {
    throw new ImagectlError(
      "LAB_DISK_IMPOSSIBLE",
      `${node}: an emulated disk cannot have the ${impossible} of its disk policy`,
      {
        hint: "Rehearse a copy of the file that matches by serial or size, or without machines: imagectl test --level namespaces",
      },
    );
  }
  const wanted = Math.max(blankDiskBytes, match.minBytes ?? 0);
  const bytes = Math.min(wanted, match.maxBytes ?? wanted);
  const serial = match.serial?.replaceAll("*", "").replaceAll("?", "x").slice(0, longestSerial);
  return { ...blankDisk(firmware), bytes, ...(serial === undefined || serial === "" ? {} : { serial }) };
}
