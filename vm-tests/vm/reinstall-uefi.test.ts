import { afterAll, beforeAll, expect, test } from "vitest";
import { runThrough } from "../../src/verify/run-framed.ts";
import { lab } from "../support/lab-cluster.ts";
import { deployThroughFirmware, refuseTooSmall, reinstallPastFirmware } from "../support/reinstall-story.ts";
import { tellAsOneStory } from "../support/story.ts";
import { openVmLab, type VmLab } from "../support/vm-lab.ts";

// One machine, in this order.
tellAsOneStory();
let vm: VmLab;
beforeAll(async () => {
  vm = await openVmLab({ firmware: "uefi-x64" });
  await vm.bastion.start();
});
afterAll(() => vm?.close());

const node = lab.node.name;
const identityFiles = "cat /etc/machine-id /etc/ssh/ssh_host_ed25519_key.pub";
let login: readonly [string, ...string[]];
let identity: string;

test("a machine too small for the deploy environment is told so by iPXE, and the bastion knows why", async () => {
  await refuseTooSmall(vm);
});

test("the first deploy on a machine restarts through its firmware, whatever its group says", async () => {
  await deployThroughFirmware(vm);
});

test("a reinstall goes by kexec into the deploy environment and out of it again, past the firmware", async () => {
  await reinstallPastFirmware(vm);
});

test("a rescue comes up without a deploy, and the printed line logs in from the bastion", async () => {
  identity = (await vm.machine.run(identityFiles, 60)).stdout;
  const { stdout } = await vm.bastion.imagectl(["rescue", node, "--now", "--yes"], {
    timeoutMs: 10 * 60_000,
  });
  const line = /^log in: (ssh .*)$/m.exec(stdout)?.[1];
  expect(line, stdout).toBeDefined();
  const [program, ...enter] = vm.network.bastion.enter;
  login = [program, ...enter, "sh", "-c", `exec ${line} -o BatchMode=yes sh`];
  const { exitCode, stdout: seen } = await runThrough("the rescue", login)("cat /etc/motd; id -u", 60);
  expect(exitCode).toBe(0);
  expect(seen).toContain("this system is in RAM");
  const events = await vm.events();
  const kinds = events
    .filter(({ attempt }) => attempt === events.at(-1)?.attempt)
    .map(({ body }) => body.kind);
  expect(kinds).toContain("rescue-ready");
  expect(kinds).not.toContain("deployed");
});

test("the rescue's kernel has written nothing to the disk, and shows the installed system", async () => {
  const rescue = runThrough("the rescue", login);
  // Documentation/block/stat: the seventh field counts sectors written since this kernel started.
  const written = await rescue("awk '{ print $7 }' /sys/block/nvme0n1/stat", 60);
  expect(written).toMatchObject({ exitCode: 0, stdout: "0\n" });
  const look = `PATH=/imagectl/bin:$PATH; mkdir -p /mnt && mount -t ext4 -o ro,noload /dev/nvme0n1p3 /mnt && cd /mnt && ${identityFiles.replaceAll("/etc", "etc")}; cd /; umount /mnt`;
  expect((await rescue(look, 60)).stdout).toBe(identity);
});

test("after disarm it starts its own system again, through its firmware", async () => {
  await vm.bastion.imagectl(["disarm", node]);
  const consoleBefore = vm.machine.console().length;
  await runThrough("the rescue", login)("(sleep 1; busybox reboot -f) >/dev/null 2>&1 &", 60);
  await vm.machine.untilConsole(/node1 login:/, 400, consoleBefore);
  expect(await vm.machine.run(identityFiles, 60)).toMatchObject({ exitCode: 0, stdout: identity });
  const { stdout } = await vm.bastion.imagectl(["nodes"]);
  expect(stdout).toMatch(/node1.*ready/);
});
