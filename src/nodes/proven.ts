/** Whether a machine has once come up from its own disk through its own firmware: only then may kexec leave that out. */
import type { Inventory } from "../plan/inventory.ts";
import type { NodeEvent } from "./event.ts";

/**
 * @param events of all attempts of the node, in order.
 * @param inventory what the machine reports now.
 * @returns true when an earlier deploy of the same machine restarted through the firmware and was reached on ssh.
 */
export function isProvenMachine(events: readonly NodeEvent[], inventory: Inventory): boolean {
  const machine = fingerprint(inventory);
  const same = new Set<number>();
  const throughFirmware = new Set<number>();
  for (const { attempt, body } of events) {
    if (body.kind === "inventory-received") {
      if (fingerprint(body.inventory) === machine) same.add(attempt);
      else same.delete(attempt);
    }
    if (body.kind === "deployed" && body.restart === undefined) throughFirmware.add(attempt);
    if (body.kind === "system-reached" && same.has(attempt) && throughFirmware.has(attempt)) return true;
  }
  return false;
}

/** Another mainboard, card, firmware mode or disk is another machine. */
function fingerprint({ firmware, product, serial, disks, nics }: Inventory): string {
  const fixed = disks.filter((disk) => !disk.isRemovable);
  return JSON.stringify([
    [firmware, product, serial],
    fixed.map((disk) => [disk.serial, disk.wwn, disk.bytes].join(" ")).sort(),
    nics.map(({ mac }) => mac).sort(),
  ]);
}
