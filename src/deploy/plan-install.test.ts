/** Planning one installation: the same disk by the same rules, and the installer's turns among our steps. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { MacAddress } from "../address.ts";
import type { DiskPolicy } from "../cluster/config.ts";
import type { Disk, Inventory } from "../plan/inventory.ts";
import { parseInventory } from "./parse-inventory.ts";
import { type InstallArtefacts, installedDiskBytes, planInstall } from "./plan-install.ts";
import { renderSteps } from "./steps.ts";

const inventory: Inventory = parseInventory(
  readFileSync(join(import.meta.dirname, "cases/vm.inventory.json"), "utf8"),
);
const [vda] = inventory.disks as [Disk];
const node = {
  hostname: "node1",
  mac: MacAddress.parse("52:54:00:77:00:11"),
  disk: { match: {} },
  requires: {},
  requiredMacs: [],
};
const artefacts: InstallArtefacts = {
  turns: "debian",
  imageLayer: { sha256: "a".repeat(64), bytes: 30_720 },
  nodeLayer: { sha256: "b".repeat(64), bytes: 20_480 },
  boot: [
    { firmware: "bios-x86", minRamMiB: 1024 },
    { firmware: "uefi-x64", minRamMiB: 1024 },
  ],
};
const plan = (disk: DiskPolicy, disks: readonly Disk[] = [vda], own = artefacts) =>
  planInstall({ ...inventory, disks }, { node: { ...node, disk } }, own);

test("Ubuntu's works in one step between our own", () => {
  const orders = plan({ match: {} }, [vda], { ...artefacts, turns: "ubuntu" });
  const kinds = orders.kind === "deploy" ? orders.steps.map(({ kind }) => kind) : [];
  expect(kinds.slice(0, 4)).toEqual(["set-clock", "wipe-disk", "installer-system", "apply-image-layer"]);
});

test("the installer's own turns are told as steps, in their order", async () => {
  const orders = plan({ match: {} });
  expect(orders.kind).toBe("deploy");
  if (orders.kind === "deploy")
    await expect(renderSteps(orders.steps)).toMatchFileSnapshot("cases/vm.install-steps");
});

test("what names the system's disk comes before the first thing that is written", () => {
  const other = { ...vda, path: "/dev/vdb", serial: "OTHER" };
  const orders = plan({ match: {} }, [vda, other]);
  expect(orders).toMatchObject({ kind: "refuse", findings: [{ code: "DISK_AMBIGUOUS" }] });
});

test("disks with data are made or kept after the installer is done", () => {
  const disk = { ...vda, path: "/dev/vdb", serial: "DATA" };
  const data = [
    { match: { serial: "DATA" }, mount: "/srv/made", policy: "wipe", filesystem: "ext4" },
  ] as const;
  const orders = plan({ match: {}, data }, [vda, disk]);
  if (orders.kind !== "deploy") throw new Error(JSON.stringify(orders));
  const kinds = orders.steps.map(({ kind }) => kind);
  expect(kinds.indexOf("make-data-disk")).toBeGreaterThan(kinds.indexOf("installer-packages"));
  expect(orders.steps.filter(({ kind }) => kind === "wipe-disk")).toEqual([
    { kind: "wipe-disk", disk: "/dev/vda" },
    { kind: "wipe-disk", disk: "/dev/vdb" },
  ]);
});

test("a disk that no system fits on is none", () => {
  const small = { ...vda, bytes: installedDiskBytes - 1 };
  expect(plan({ match: {} }, [small])).toMatchObject({ kind: "refuse", findings: [{ code: "DISK_NONE" }] });
});
