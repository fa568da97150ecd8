import { expect, test } from "vitest";
import type { Inventory } from "../plan/inventory.ts";
import type { EventBody, NodeEvent } from "./event.ts";
import { isProvenMachine } from "./proven.ts";

const disk = (serial: string, path = "/dev/sda") =>
  ({ path, bytes: 1e12, serial, wwn: "", isRemovable: false }) as Inventory["disks"][number];
const machine: Inventory = {
  firmware: "uefi-x64",
  memoryMiB: 2048,
  cpus: 2,
  product: "p",
  serial: "s",
  disks: [disk("a"), disk("b", "/dev/sdb")],
  nics: [{ name: "eth0", mac: "52:54:00:77:00:11", hasCarrier: true }],
};
const seen = (inventory: Inventory): EventBody => ({ kind: "inventory-received", inventory });
const deployed: EventBody = { kind: "deployed" };
const byKexec: EventBody = { kind: "deployed", restart: "kexec" };
const reached: EventBody = { kind: "system-reached" };

/** Each list is one attempt. */
function log(...attempts: readonly (readonly EventBody[])[]): NodeEvent[] {
  return attempts.flatMap((bodies, index) =>
    bodies.map((body) => ({ id: 0, attempt: index, node: "node1", at: "", body })),
  );
}

test.each<[string, readonly NodeEvent[], boolean]>([
  ["a machine that never was here", log([seen(machine)]), false],
  ["one that came up from its disk", log([seen(machine), deployed, reached], [seen(machine)]), true],
  ["one that was deployed and never came up", log([seen(machine), deployed], [seen(machine)]), false],
  ["one that only came up by kexec", log([seen(machine), byKexec, reached], [seen(machine)]), false],
  [
    "one that came up by kexec after it did from its disk",
    log([seen(machine), deployed, reached], [seen(machine), byKexec, reached]),
    true,
  ],
])("%s", (_name, events, isProven) => {
  expect(isProvenMachine(events, machine)).toBe(isProven);
});

test.each<[string, Partial<Inventory>]>([
  ["mainboard", { serial: "other" }],
  ["disk", { disks: [disk("a"), disk("c")] }],
  ["network card", { nics: [] }],
  ["firmware mode", { firmware: "bios-x86" }],
])("another %s is another machine", (_name, change) => {
  expect(isProvenMachine(log([seen(machine), deployed, reached]), { ...machine, ...change })).toBe(false);
});

test("disks that the kernel names in another order, and other carriers, are the same machine", () => {
  const [first, second] = machine.disks;
  const disks = [
    { ...(second as Inventory["disks"][number]), path: "/dev/sda" },
    { ...(first as Inventory["disks"][number]), path: "/dev/sdb" },
  ];
  expect(isProvenMachine(log([seen(machine), deployed, reached]), { ...machine, disks })).toBe(true);
});
