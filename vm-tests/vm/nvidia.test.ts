/** NVIDIA's driver on the kernel that its modules were built for: without a card one sees that they fit, and no more. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { QemuHost } from "../../src/lab/qemu-host.ts";
import { machineCapabilities } from "../../src/serve/serve.ts";
import { type DeployLab, nodeAlone, openDeployLab, startFromDisk } from "../support/deploy-lab.ts";
import { standardRoles, type TestSystem } from "../support/lab-cluster.ts";
import { prove } from "../support/prove.ts";
import { tellAsOneStory } from "../support/story.ts";
import { describeUbuntu } from "../support/ubuntu-archive.ts";

describe("debian-13", () => describeDriver("debian-13", ["nvidia"]));

// As it came out, where the mirror at hand has not yet the modules for the newest kernel.
await describeUbuntu("ubuntu-26.04", () => describeDriver("ubuntu-26.04", ["nvidia", "nvswitch"]));

/** @param proved roles that this machine has beside the standard ones: none of their checks may be left out. */
function describeDriver(os: TestSystem, proved: readonly string[]): void {
  tellAsOneStory();
  const disk = "{match: {}}";
  let deployLab: DeployLab;
  let machine: QemuHost;
  beforeAll(async () => {
    deployLab = await openDeployLab({
      os,
      disks: [{ bytes: 6 * 1024 ** 3, bus: "nvme" }],
      disk,
      roles: [...standardRoles, ...proved],
    });
    machine = deployLab.machine("bios-x86");
    deployLab.startBastion();
  });
  afterAll(() => deployLab?.close());

  test("a machine is deployed with the driver, and starts without a failed service where it has no card", async () => {
    await deployLab.deploy(machine);
    await startFromDisk(machine);
    const { stdout } = await machine.run(
      "systemctl is-system-running --wait; systemctl is-enabled nvidia-persistenced.service; systemctl show -P Result nvidia-persistenced.service",
      200,
    );
    expect(stdout).toBe("running\nenabled\nexec-condition\n");
  });

  test("each check is green, and its fault turns it red", async () => {
    const { proofs, elsewhere } = await prove({
      plan: await deployLab.setDiskPolicy(disk),
      wanted: ({ role }) => proved.includes(role),
      vantages: nodeAlone(machine),
      capabilities: machineCapabilities,
      settleSeconds: 30,
    });
    expect(new Set(proofs.map(({ check }) => check.role))).toEqual(new Set(proved));
    // One of each role wants a card.
    expect(elsewhere.map(({ check }) => check.needs)).toEqual(proved.map(() => ["hardware-gpu"]));
  });

  test("the kernel takes the modules, and says that there is no card", async () => {
    const { stdout, stderr } = await machine.run(
      "modprobe nvidia; dmesg | grep -o 'NVRM: No NVIDIA GPU found' | sort -u; lsmod | grep -cE '^(nouveau|nova)'",
      60,
    );
    expect(stderr).toContain("No such device");
    expect(stdout).toBe("NVRM: No NVIDIA GPU found\n0\n");
  });

  test("no compiler and no source is in the image", async () => {
    const { stdout } = await machine.run(
      "command -v gcc make dkms; ls -d /usr/src/* /var/lib/dkms /lib/modules/*/build 2>/dev/null; dpkg -l '*-dkms' 'linux-headers*' 2>/dev/null | grep '^.i'",
      60,
    );
    expect(stdout).toBe("");
  });
}
