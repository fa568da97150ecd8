/** Planning one deploy: preflight, then the steps in their order. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { MacAddress } from "../address.ts";
import type { DiskPolicy } from "../cluster/config.ts";
import { formatFinding } from "../errors.ts";
import type { Disk, Inventory } from "../plan/inventory.ts";
import { parseInventory } from "./parse-inventory.ts";
import { type DeployArtefacts, planDeploy, requiredDiskBytes } from "./plan-deploy.ts";
import { deployStepKinds, renderSteps } from "./steps.ts";

const inventory: Inventory = parseInventory(
  readFileSync(join(import.meta.dirname, "cases/vm.inventory.json"), "utf8"),
);
const plan = {
  node: {
    hostname: "node1",
    mac: MacAddress.parse("52:54:00:77:00:11"),
    disk: { match: {} },
    requires: {},
    requiredMacs: [],
  },
};
const artefacts: DeployArtefacts = {
  rootSha256: "a".repeat(64),
  rootBytes: 145_000_000,
  rootUnpackedBytes: 450_000_000,
  overlaySha256: "b".repeat(64),
  overlayBytes: 20_480,
  boot: [
    { firmware: "bios-x86", minRamMiB: 1024 },
    { firmware: "uefi-x64", minRamMiB: 2048 },
  ],
};

test("a machine that will do gets every step once, in order", async () => {
  const deploy = planDeploy(inventory, plan, artefacts);
  if (deploy.kind !== "deploy") throw new Error(deploy.findings.map(formatFinding).join("\n"));
  expect(deploy.layout.system.map(({ path }) => path)).toEqual(["/dev/vda"]);
  const kinds = deploy.steps.map((step) => step.kind);
  expect(kinds).toEqual(deployStepKinds.filter((kind) => kinds.includes(kind)));
  await expect(renderSteps(deploy.steps)).toMatchFileSnapshot("cases/vm.steps");
});

test("a mirror and data disks: what is written is what the steps name", async () => {
  const [vda] = inventory.disks as [Disk];
  const found = { device: "/dev/vdc1", type: "xfs", uuid: "5eed-1", partitionName: "" };
  const disks = [
    vda,
    { ...vda, path: "/dev/vdb", serial: "SYS2" },
    { ...vda, path: "/dev/vdc", serial: "DATA1", filesystems: [found] },
    { ...vda, path: "/dev/vdd", serial: "DATA2" },
  ];
  const disk: DiskPolicy = {
    match: {},
    mirror: { match: {} },
    data: [
      { match: { serial: "DATA1" }, mount: "/srv/kept", policy: "keep" },
      { match: { serial: "DATA2" }, mount: "/srv/made", policy: "wipe", filesystem: "ext4" },
    ],
  };
  const deploy = planDeploy({ ...inventory, disks }, { node: { ...plan.node, disk } }, artefacts);
  if (deploy.kind !== "deploy") throw new Error(deploy.findings.map(formatFinding).join("\n"));
  await expect(renderSteps(deploy.steps)).toMatchFileSnapshot("cases/mirror-and-data.steps");
});

test("equal input gives equal steps", () => {
  expect(planDeploy(inventory, plan, artefacts)).toEqual(
    planDeploy(structuredClone(inventory), plan, artefacts),
  );
});

test("a machine that has less than its group requires is refused, all at once and with both numbers", () => {
  const requires = { ramBytes: 512 * 1024 ** 3, cpus: 64, disks: 2, nics: 2 };
  const refused = planDeploy(inventory, { node: { ...plan.node, requires } }, artefacts);
  if (refused.kind !== "refuse") throw new Error("it was not refused");
  expect(refused.findings.map(({ code }) => code)).toEqual(Array(4).fill("MACHINE_TOO_SMALL"));
  expect(refused.findings.map(({ message }) => message)).toEqual([
    expect.stringMatching(/has \d+ MiB of memory; its group requires 524288$/),
    expect.stringMatching(/CPUs; its group requires 64$/),
    expect.stringMatching(/has 1 fixed disks; its group requires 2$/),
    expect.stringMatching(/has 1 network cards \(1 with carrier\); its group requires 2$/),
  ]);
  const enough = { ramBytes: 1024 ** 3, cpus: 1, disks: 1, nics: 1 };
  expect(planDeploy(inventory, { node: { ...plan.node, requires: enough } }, artefacts).kind).toBe("deploy");
});

test("each card of the bond, and each that a boot waits for, must be there", () => {
  const requiredMacs = ["52:54:00:77:00:11", "52:54:00:77:00:99"].map((mac) => MacAddress.parse(mac));
  const refused = planDeploy(inventory, { node: { ...plan.node, requiredMacs } }, artefacts);
  if (refused.kind !== "refuse") throw new Error("it was not refused");
  expect(refused.findings.map(({ code, message }) => `${code} ${message}`)).toEqual([
    expect.stringMatching(
      /^NIC_NOT_FOUND no network interface has .* requires, 52:54:00:77:00:99; there are: /,
    ),
  ]);
});

describe("a machine that will not do is refused with every reason", () => {
  test.each<[string, Partial<Inventory>, readonly string[]]>([
    ["firmware without a boot entry", { firmware: "uefi-x64", memoryMiB: 2047 }, ["MEMORY_TOO_SMALL"]],
    ["one MiB too little", { memoryMiB: 1023 }, ["MEMORY_TOO_SMALL"]],
    [
      "another NIC",
      { nics: [{ name: "eth0", mac: "52:54:00:00:00:01", hasCarrier: true }] },
      ["NIC_NOT_FOUND"],
    ],
    ["no NIC", { nics: [] }, ["NIC_NOT_FOUND"]],
    ["no disk", { disks: [] }, ["DISK_NONE"]],
    [
      "all at once",
      { memoryMiB: 1, nics: [], disks: [] },
      ["MEMORY_TOO_SMALL", "NIC_NOT_FOUND", "DISK_NONE"],
    ],
  ])("%s", (_name, changes, codes) => {
    const refused = planDeploy({ ...inventory, ...changes }, plan, artefacts);
    expect(refused.kind).toBe("refuse");
    expect(refused.kind === "refuse" && refused.findings.map((finding) => finding.code)).toEqual(codes);
  });

  test("a firmware that the image cannot boot by", () => {
    const refused = planDeploy(inventory, plan, { ...artefacts, boot: artefacts.boot.slice(1) });
    expect(refused).toMatchObject({ kind: "refuse", findings: [{ code: "FIRMWARE_UNSUPPORTED" }] });
  });
});

test("a MAC address in capitals is the same address", () => {
  const nics = [{ name: "eth0", mac: "52:54:00:77:00:11".toUpperCase(), hasCarrier: true }];
  expect(planDeploy({ ...inventory, nics }, plan, artefacts).kind).toBe("deploy");
});

test("a disk must hold the unpacked root, a quarter more, the boot partitions and some slack", () => {
  expect(requiredDiskBytes(0)).toBe((515 + 512) * 1024 * 1024);
  expect(requiredDiskBytes(4_000) - requiredDiskBytes(0)).toBe(5_000);
});
