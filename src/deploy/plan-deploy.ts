/** (Inventory, NodePlan, artefacts) -> the steps of one deploy, or why there are none. */
import type { Sha256 } from "../digest.ts";
import type { Inventory } from "../plan/inventory.ts";
import type { NodePart } from "../plan/plan.ts";
import type { DataChoice } from "./data-disks.ts";
import { chooseDisks, type DiskLayout, disksToWrite } from "./disk-policy.ts";
import { type BootSupport, preflight } from "./preflight.ts";
import type { DeployPlan, DeployStep } from "./steps.ts";

/** What is deployed: the image's root and the node's overlay, by content. Sizes in bytes. */
export type DeployArtefacts = {
  /** `root.tar.zst` as it lies in the store. */
  readonly rootSha256: Sha256;
  readonly rootBytes: number;
  /** The manifest's `rootBytes`: size on disk once unpacked. */
  readonly rootUnpackedBytes: number;
  readonly overlaySha256: Sha256;
  readonly overlayBytes: number;
  /** The manifest's `boot[]`. */
  readonly boot: readonly BootSupport[];
};

/** The only parts of a plan that decide a deploy. */
export type DeployedNode = {
  readonly node: Pick<NodePart, "hostname" | "mac" | "disk" | "requires" | "requiredMacs">;
};

const mebibyte = 1024 * 1024;

/** GPT copies and alignment, bios_grub and ESP: as step_partition_disk of the agent lays them out. */
const layoutBytes = (1 + 1 + 512 + 1) * mebibyte;

/** Free space that a fresh node has at least, beside the quarter for ext4's tables, journal and reserve. */
const slackBytes = 512 * mebibyte;

/** The smallest disk that is a candidate, bytes. */
export function requiredDiskBytes(rootUnpackedBytes: number): number {
  return layoutBytes + slackBytes + Math.ceil(rootUnpackedBytes * 1.25);
}

/** Nothing is written before this has said `deploy`; equal input, equal steps. */
export function planDeploy(inventory: Inventory, plan: DeployedNode, artefacts: DeployArtefacts): DeployPlan {
  const { node } = plan;
  const findings = preflight(inventory, node, artefacts.boot);
  const requiredBytes = requiredDiskBytes(artefacts.rootUnpackedBytes);
  const choice = chooseDisks(node.hostname, inventory.disks, node.disk, requiredBytes);
  if (choice.kind === "refused") return { kind: "refuse", findings: [...findings, ...choice.findings] };
  if (findings.length > 0) return { kind: "refuse", findings };
  const { layout } = choice;
  return { kind: "deploy", layout, steps: stepsFor(layout, inventory, artefacts) };
}

function stepsFor(
  layout: DiskLayout,
  { firmware }: Inventory,
  artefacts: DeployArtefacts,
): readonly DeployStep[] {
  const disks = layout.system.map(({ path }) => path);
  const isMirrored = disks.length > 1;
  return [
    { kind: "set-clock" },
    { kind: "release-disks", disks: disksToWrite(layout) },
    ...disks.map((disk): DeployStep => ({ kind: "wipe-disk", disk })),
    ...disks.map(
      (disk): DeployStep => ({ kind: "partition-disk", disk, root: isMirrored ? "mirrored" : "plain" }),
    ),
    ...(isMirrored ? [{ kind: "make-mirror" as const, disks }] : []),
    { kind: "make-filesystems", disks },
    { kind: "stream-root", sha256: artefacts.rootSha256, bytes: artefacts.rootBytes },
    ...(isMirrored ? [{ kind: "name-mirror" as const }] : []),
    ...layout.data.flatMap(stepsForData),
    { kind: "apply-overlay", sha256: artefacts.overlaySha256, bytes: artefacts.overlayBytes },
    { kind: "sign-host-keys" },
    { kind: "install-bootloader", disks, firmware },
    { kind: "set-boot-order", disks, firmware },
    { kind: "unmount-target" },
  ];
}

/** After the root has come whole: a deploy that fails in its stream has not yet touched the data. */
export function stepsForData(choice: DataChoice): readonly DeployStep[] {
  switch (choice.kind) {
    case "make": {
      const { filesystem, mount, partitionName: name } = choice;
      const disk = choice.disk.path;
      return [
        { kind: "wipe-disk", disk },
        { kind: "make-data-disk", disk, filesystem, name, mount },
      ];
    }
    case "keep": {
      const { device, uuid, type } = choice.found;
      return [{ kind: "keep-data-disk", device, uuid, filesystem: type, mount: choice.mount }];
    }
    default:
      return choice satisfies never;
  }
}
