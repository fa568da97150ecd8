/** (Inventory, NodePlan, layers) -> the steps of an installation by the system's own installer, or why there are none. */
import type { Sha256 } from "../digest.ts";
import type { Inventory } from "../plan/inventory.ts";
import type { Firmware } from "../store/manifest.ts";
import { chooseDisks } from "./disk-policy.ts";
import { type DeployedNode, stepsForData } from "./plan-deploy.ts";
import { type BootSupport, preflight } from "./preflight.ts";
import type { DeployPlan, DeployStep } from "./steps.ts";

/** A layer as a tar: what was promised is what must come. Size in bytes. */
export type LayerFacts = { readonly sha256: Sha256; readonly bytes: number };

/** Debian's calls us between its parts; Ubuntu's before it begins and when all is there, and reports the rest itself. */
export type InstallerTurns = "debian" | "ubuntu";

export type InstallArtefacts = {
  readonly turns: InstallerTurns;
  readonly imageLayer: LayerFacts;
  readonly nodeLayer: LayerFacts;
  /** The manifest's `boot[]`. */
  readonly boot: readonly BootSupport[];
};

/** The smallest disk that is a candidate, bytes. Our choice: a system with all roles takes 2 GB, and logs want room. */
export const installedDiskBytes = 4_000_000_000;

/**
 * The same disks are chosen by the same rules as where a golden image is deployed; only how the system comes onto its own
 * differs. A mirror was refused before, with the plan.
 */
export function planInstall(
  inventory: Inventory,
  { node }: DeployedNode,
  { turns, imageLayer, nodeLayer, boot }: InstallArtefacts,
): DeployPlan {
  const findings = preflight(inventory, node, boot);
  const choice = chooseDisks(node.hostname, inventory.disks, node.disk, installedDiskBytes);
  if (choice.kind === "refused") return { kind: "refuse", findings: [...findings, ...choice.findings] };
  if (findings.length > 0) return { kind: "refuse", findings };
  const { layout } = choice;
  const disk = layout.system[0].path;
  const { firmware } = inventory;
  return {
    kind: "deploy",
    layout,
    steps: [
      { kind: "set-clock" },
      { kind: "wipe-disk", disk },
      ...stepsOfInstaller(turns, disk, firmware),
      { kind: "apply-image-layer", ...imageLayer },
      { kind: "tidy-system" },
      ...layout.data.flatMap(stepsForData),
      { kind: "apply-overlay", ...nodeLayer },
      { kind: "sign-host-keys" },
      { kind: "set-boot-order", disks: [disk], firmware },
    ],
  };
}

function stepsOfInstaller(turns: InstallerTurns, disk: string, firmware: Firmware): DeployStep[] {
  switch (turns) {
    case "debian":
      return [
        { kind: "installer-partitions", disk, firmware },
        { kind: "installer-base-system" },
        { kind: "installer-packages" },
      ];
    case "ubuntu":
      return [{ kind: "installer-system", disk, firmware }];
    default:
      return turns satisfies never;
  }
}
