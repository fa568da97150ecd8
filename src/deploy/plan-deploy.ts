/** (Inventory, NodePlan, artefacts) -> the steps of one deploy, or why there are none. */
import type { Sha256 } from "../digest.ts";
import type { Inventory } from "../plan/inventory.ts";
import type { NodePart } from "../plan/plan.ts";
import { chooseDisk } from "./disk-policy.ts";
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
export type DeployedNode = { readonly node: Pick<NodePart, "hostname" | "mac" | "disk"> };

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
  const choice = chooseDisk(node.hostname, inventory.disks, node.disk, requiredBytes);
  if (choice.kind === "refused") return { kind: "refuse", findings: [...findings, choice.finding] };
  if (findings.length > 0) return { kind: "refuse", findings };
  return { kind: "deploy", disk: choice.disk, steps: stepsFor(choice.disk.path, inventory, artefacts) };
}

function stepsFor(disk: string, inventory: Inventory, artefacts: DeployArtefacts): readonly DeployStep[] {
  const { firmware } = inventory;
  return [
    { kind: "set-clock" },
    { kind: "release-disks" },
    { kind: "wipe-disk", disk },
    { kind: "partition-disk", disk },
    { kind: "make-filesystems", disk },
    { kind: "stream-root", sha256: artefacts.rootSha256, bytes: artefacts.rootBytes },
    { kind: "apply-overlay", sha256: artefacts.overlaySha256, bytes: artefacts.overlayBytes },
    { kind: "sign-host-keys" },
    { kind: "install-bootloader", disk, firmware },
    { kind: "set-boot-order", disk, firmware },
    { kind: "unmount-target" },
  ];
}
