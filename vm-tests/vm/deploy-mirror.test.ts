/** A root on two disks, beside disks with data: deployed, proved, and started from the half that is left. */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { QemuHost } from "../../src/lab/qemu-host.ts";
import { machineCapabilities } from "../../src/serve/serve.ts";
import { type DeployLab, openDeployLab, startFromDisk } from "../support/deploy-lab.ts";
import { standardRoles } from "../support/lab-cluster.ts";
import { prove } from "../support/prove.ts";
import { makeExt4 } from "../support/raw-disk.ts";
import { tellAsOneStory } from "../support/story.ts";
import { bootOrderOf } from "../support/uefi-variables.ts";

// One machine, in this order.
tellAsOneStory();
let deployLab: DeployLab;
let uefi: QemuHost;
let bios: QemuHost;
const gibibyte = 1024 ** 3;
const disk = { bytes: 6 * gibibyte, bus: "nvme" } as const;
const data = { bytes: gibibyte, bus: "nvme" } as const;

/** The first two lines fit all four disks: those with data are none of the system's. */
const policy = `{match: {}, mirror: {match: {}}, data: [
      {match: {serial: "*-2"}, mount: /srv/kept},
      {match: {serial: "*-3"}, mount: /srv/wiped, policy: wipe, filesystem: xfs}]}`;

beforeAll(async () => {
  deployLab = await openDeployLab({
    disks: [disk, disk, data, data],
    disk: policy,
    roles: [...standardRoles, "mirror"],
  });
  uefi = deployLab.machine("uefi-x64");
  bios = deployLab.machine("bios-x86");
  deployLab.startBastion();
});
afterAll(() => deployLab?.close());

test("two disks become one root, and each has an entry in the firmware", async () => {
  // Its disks come into being with its first start.
  await uefi.boot("disk-first");
  await uefi.powerOff();
  await makeExt4(uefi.disks[2]?.path ?? "", "thesis", "three years of work\n");
  await deployLab.deploy(uefi);
  const flash = readFileSync(join(dirname(uefi.disks[0]?.path ?? ""), "variables.fd"));
  expect(bootOrderOf(flash).filter((name) => name === "imagectl")).toHaveLength(2);
});

test("by BIOS it starts its system from both, and each check of the mirror is turned red by its fault", async () => {
  await deployLab.moveDisks(uefi, bios);
  await startFromDisk(bios);
  const places =
    "for place in /srv/kept /srv/wiped; do findmnt -n -o TARGET,FSTYPE $place; done; cat /srv/kept/thesis";
  const { stdout } = await bios.run(places, 60);
  expect(stdout.replaceAll(/ +/g, " ")).toBe("/srv/kept ext4\n/srv/wiped xfs\nthree years of work\n");

  const { elsewhere } = await prove({
    plan: await deployLab.setDiskPolicy(policy),
    wanted: ({ role }) => role === "mirror",
    vantages: {
      node: (script, timeoutSeconds) => bios.run(script, timeoutSeconds),
      bastion: () => Promise.reject(new Error("no check of the mirror is from there")),
      outsider: () => Promise.reject(new Error("no check of the mirror is from there")),
    },
    capabilities: machineCapabilities,
    settleSeconds: 60,
  });
  expect(elsewhere).toEqual([]);
  expect(await bios.run("systemctl is-system-running --wait; sync", 120)).toMatchObject({
    stdout: "running\n",
  });
  await bios.powerOff();
});

test("without its first disk it starts by UEFI from the second, and says that half is missing", async () => {
  await deployLab.moveDisks(bios, uefi);
  uefi.unplugDisk(uefi.disks[0]?.path ?? "");
  await startFromDisk(uefi);
  // Nobody said which of the two is the first: the one whose controller the kernel saw first.
  const answer = await uefi.run(
    `systemctl is-system-running --wait; cat /sys/block/md*/md/degraded
    for place in /boot/efi /boot/efi2; do ! mountpoint -q $place || ls $place/EFI; done`,
    120,
  );
  expect(answer.stdout).toBe("running\n1\nBOOT\ndebian\n");
});
