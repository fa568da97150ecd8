/** What must be true of a machine before anything on it is touched. */
import type { Finding } from "../errors.ts";
import type { Inventory } from "../plan/inventory.ts";
import type { NodePart } from "../plan/plan.ts";
import type { BootEntry } from "../store/manifest.ts";

/** What an image says of how it boots: the members of its manifest's `boot[]` that matter here. */
export type BootSupport = Pick<BootEntry, "firmware" | "minRamMiB">;

export type PreflightNode = Pick<NodePart, "hostname" | "mac" | "requires" | "requiredMacs">;

const mebibyte = 1024 * 1024;

/** @returns every reason against deploying, none when the machine will do. */
export function preflight(
  inventory: Inventory,
  node: PreflightNode,
  boot: readonly BootSupport[],
): readonly Finding[] {
  const entry = boot.find((one) => one.firmware === inventory.firmware);
  return [
    ...firmwareFindings(inventory, node.hostname, boot, entry),
    ...memoryFindings(inventory, node.hostname, entry),
    ...nicFindings(inventory, node),
    ...requirementFindings(inventory, node),
  ];
}

/** What the group declares: a machine with a dead DIMM or a card that is not seen must not become a node. */
function requirementFindings(
  { memoryMiB, cpus, disks, nics }: Inventory,
  { hostname, requires }: Pick<NodePart, "hostname" | "requires">,
): readonly Finding[] {
  const fixed = disks.filter((disk) => !disk.isRemovable).length;
  const withLink = nics.filter((nic) => nic.hasCarrier).length;
  const { ramBytes } = requires;
  const claims = [
    {
      key: "ram",
      wanted: ramBytes === undefined ? undefined : ramBytes / mebibyte,
      found: memoryMiB,
      what: "MiB of memory",
    },
    { key: "cpus", wanted: requires.cpus, found: cpus, what: "CPUs" },
    { key: "disks", wanted: requires.disks, found: fixed, what: "fixed disks" },
    {
      key: "nics",
      wanted: requires.nics,
      found: nics.length,
      what: `network cards (${withLink} with carrier)`,
    },
  ];
  return claims.flatMap(({ key, wanted, found, what }): Finding[] => {
    if (wanted === undefined || found >= wanted) return [];
    return [
      {
        code: "MACHINE_TOO_SMALL",
        where: hostname,
        message: `the machine has ${found} ${what}; its group requires ${Math.ceil(wanted)}`,
        hint: `Look for what is broken or not seen by its firmware, or lower requires.${key} of its group in cluster.yaml.`,
        severity: "error",
      },
    ];
  });
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

function nicFindings(
  inventory: Inventory,
  { hostname, mac, requiredMacs }: PreflightNode,
): readonly Finding[] {
  const present = new Set(inventory.nics.map((nic) => nic.mac.toLowerCase()));
  const seen = inventory.nics.map((nic) => `${nic.name} ${nic.mac}`).join(", ") || "none";
  const hints = new Map([
    ...requiredMacs.map(
      (one) =>
        [one, `Is the card seen by the firmware? Else correct nodes.${hostname} in cluster.yaml.`] as const,
    ),
    [mac, `Set nodes.${hostname}.mac in cluster.yaml to the interface that network-boots.`] as const,
  ]);
  return [...hints].flatMap(([wanted, hint]): Finding[] => {
    if (wanted === undefined || present.has(wanted)) return [];
    const whose = wanted === mac ? "the node's MAC address" : "the MAC address that its plan requires,";
    return [
      {
        code: "NIC_NOT_FOUND",
        where: hostname,
        message: `no network interface has ${whose} ${wanted}; there are: ${seen}`,
        hint,
        severity: "error",
      },
    ];
  });
}
