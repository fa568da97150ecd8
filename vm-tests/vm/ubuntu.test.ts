/** Golden images of Ubuntu's own packages, on blank machines: with all roles of a node that computes. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findOperatingSystem } from "../../src/images/catalogue.ts";
import { computingRoles, ubuntuSystems } from "../support/lab-cluster.ts";
import { tellAsOneStory } from "../support/story.ts";
import { describeUbuntu } from "../support/ubuntu-archive.ts";
import { bringUp } from "../support/until-ready.ts";
import { openVmLab, type VmLab } from "../support/vm-lab.ts";

await describeUbuntu("Ubuntu", () => {
  describe.each(ubuntuSystems)("%s", (os) => {
    tellAsOneStory();
    let vm: VmLab;
    beforeAll(async () => {
      // Its pip is too old for one of them.
      const roles = computingRoles.filter((role) => os !== "ubuntu-22.04" || role !== "python-users");
      vm = await openVmLab({ firmware: "uefi-x64", os, cluster: { roles } });
      await vm.bastion.start();
    });
    afterAll(() => vm?.close());

    test("a blank machine gets it, booted by Debian 13's deploy environment, and every check is green", async () => {
      await bringUp(vm, { minutes: 30 });
    });

    test("what runs is that Ubuntu with its own kernel, and its fixes come from its own archive", async () => {
      const { stdout } = await vm.machine.run(
        `. /etc/os-release; echo $ID-$VERSION_ID; uname -r
        apt-config dump Unattended-Upgrade::Origins-Pattern; cat /etc/apt/sources.list.d/imagectl.list`,
        60,
      );
      const { codename } = findOperatingSystem(os);
      const [system, release] = stdout.split("\n");
      expect(system).toBe(os);
      expect(release).toMatch(/-generic$/);
      expect(stdout).toContain("origin=Ubuntu,archive=");
      expect(stdout).toContain(` http://security.ubuntu.com/ubuntu ${codename}-security main universe`);
    });

    test("packages of its loaders are configured anew without a question, and it starts again", async () => {
      const again =
        "export DEBIAN_FRONTEND=noninteractive; dpkg-reconfigure grub-efi-amd64-signed shim-signed";
      const { exitCode, stdout, stderr } = await vm.machine.run(again, 300);
      expect(exitCode, stdout + stderr).toBe(0);
      await vm.machine.powerOff();
      const shownBefore = vm.machine.console().length;
      await vm.machine.boot();
      await vm.machine.untilConsole(/node1 login:/, 600, shownBefore);
    });
  });
});
