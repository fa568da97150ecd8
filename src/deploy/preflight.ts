/** What must be true of a machine before anything on it is touched. */
import type { Finding } from "../errors.ts";
import type { Inventory } from "../plan/inventory.ts";
import type { NodePart } from "../plan/plan.ts";
import type { BootEntry } from "../store/manifest.ts";

/** What an image says of how it boots: the members of its manifest's `boot[]` that matter here. */
export type BootSupport = Pick<BootEntry, "firmware" | "minRamMiB">;

/** @returns every reason against deploying, none when the machine will do. */
export function preflight(
  inventory: Inventory,
  node: Pick<NodePart, "hostname" | "mac">,
  boot: readonly BootSupport[],
): readonly Finding[] {
  const entry = boot.find((one) => one.firmware === inventory.firmware);
  return [
    ...firmwareFindings(inventory, node.hostname, boot, entry),
    ...memoryFindings(inventory, node.hostname, entry),
    ...nicFindings(inventory, node),
  ];
}

function firmwareFindings(
  inventory: Inventory,
  nodeName: string,
  boot: readonly BootSupport[],
  entry: BootSupport | undefined,
): readonly Finding[] {
  if (entry !== undefined) return [];
  const supported = boot.map((one) => one.firmware).join(", ") || "none";
  return [
    {
      code: "FIRMWARE_UNSUPPORTED",
      where: nodeName,
      message: `the machine started by ${inventory.firmware}; the image boots by: ${supported}`,
      hint: "Switch the machine's boot mode in its firmware setup, or build an image that supports it.",
      severity: "error",
    },
  ];
}

function memoryFindings(
  inventory: Inventory,
  nodeName: string,
  entry: BootSupport | undefined,
): readonly Finding[] {
  if (entry === undefined || inventory.memoryMiB >= entry.minRamMiB) return [];
  return [
    {
      code: "MEMORY_TOO_SMALL",
      where: nodeName,
      message: `the machine has ${inventory.memoryMiB} MiB of memory; the image needs ${entry.minRamMiB} MiB`,
      hint: "Check the DIMMs with `dmidecode -t memory`; a virtual machine needs a larger memory setting.",
      severity: "error",
    },
  ];
}

function nicFindings(inventory: Inventory, node: Pick<NodePart, "hostname" | "mac">): readonly Finding[] {
  if (inventory.nics.some((nic) => nic.mac.toLowerCase() === node.mac)) return [];
  const seen = inventory.nics.map((nic) => `${nic.name} ${nic.mac}`).join(", ") || "none";
  return [
    {
      code: "NIC_NOT_FOUND",
      where: node.hostname,
      message: `no network interface has the node's MAC address ${node.mac}; there are: ${seen}`,
      hint: `Set nodes.${node.hostname}.mac in cluster.yaml to the interface that network-boots.`,
      severity: "error",
    },
  ];
}
