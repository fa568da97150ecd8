import { afterAll, beforeAll, expect, test } from "vitest";
import { lab, standardRoles } from "../support/lab-cluster.ts";
import { auditWithLynis } from "../support/lynis.ts";
import { tellAsOneStory } from "../support/story.ts";
import { bringUp } from "../support/until-ready.ts";
import { expectProved, openVmLab, type VmLab } from "../support/vm-lab.ts";

// Checks and faults of the standard roles are proved in namespaces; here are its own kernel, bootloader and deploy
// environment, and the roles that are about the kernel.
const ownKernelRoles = ["hardening", "fabric"];
tellAsOneStory();
let vm: VmLab;
beforeAll(async () => {
  vm = await openVmLab({
    firmware: "uefi-x64",
    os: "debian-13",
    cluster: { roles: [...standardRoles, ...ownKernelRoles] },
  });
  await vm.bastion.start();
});
afterAll(() => vm?.close());

test("a blank UEFI machine becomes a proven Debian 13, from power-on to ready", async () => {
  await bringUp(vm, { minutes: 20 });
});

test("what runs is Debian 13 with its own kernel, and admins become root on it", async () => {
  const answer = await vm.machine.run(
    ". /etc/os-release; echo $ID-$VERSION_ID; uname -r; ls /boot/vmlinuz-*",
    60,
  );
  expect(answer.exitCode).toBe(0);
  const [os, release, kernels] = answer.stdout.trim().split("\n");
  expect(os).toBe("debian-13");
  expect(kernels).toBe(`/boot/vmlinuz-${release}`);
  expect(await vm.sshAs("carol", ["sudo", "-n", "id", "-u"])).toMatchObject({ exitCode: 0, stdout: "0\n" });
});

test("it starts from its own disk again, with its clock set by the bastion", async () => {
  await vm.machine.powerOff();
  const consoleBefore = vm.machine.console().length;
  await vm.machine.boot();
  await vm.machine.untilConsole(/node1 login:/, 600, consoleBefore);
  const answer = await vm.machine.run("chronyc -n waitsync 60 0 0 1 >/dev/null; chronyc -n sources", 90);
  expect(answer.stdout).toMatch(new RegExp(`^\\^\\* ${lab.bastion.replaceAll(".", "\\.")} `, "m"));
});

test("its kernel is hardened, and lets jobs pin memory: each check is turned red by its fault", () =>
  expectProved(vm, ({ role }) => ownKernelRoles.includes(role)));

/** Emulated it looks at everything for twenty minutes. Milliseconds. */
const auditMs = 45 * 60_000;

// A machine without a kernel of its own loses points for settings, records and profiles that are its host's.
test(
  "lynis gives it 80 points of 100, or more",
  async () => {
    const { hardeningIndex, executed, skipped, warnings } = await auditWithLynis({ host: vm.machine });
    console.log(
      `lynis: ${hardeningIndex}, ${executed.length} tests, ${skipped.length} not applicable`,
      warnings,
    );
    expect(hardeningIndex).toBeGreaterThanOrEqual(80);
  },
  auditMs,
);
