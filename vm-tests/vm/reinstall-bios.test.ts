import { afterAll, beforeAll, test } from "vitest";
import { deployThroughFirmware, refuseTooSmall, reinstallPastFirmware } from "../support/reinstall-story.ts";
import { tellAsOneStory } from "../support/story.ts";
import { openVmLab, type VmLab } from "../support/vm-lab.ts";

// One machine, in this order.
tellAsOneStory();
let vm: VmLab;
beforeAll(async () => {
  vm = await openVmLab({ firmware: "bios-x86" });
  await vm.bastion.start();
});
afterAll(() => vm?.close());

test("a machine too small for the deploy environment is told so by iPXE, and the bastion knows why", async () => {
  await refuseTooSmall(vm);
});

test("the first deploy on a machine restarts through its firmware, whatever its group says", async () => {
  await deployThroughFirmware(vm);
});

test("a reinstall goes by kexec into the deploy environment and out of it again, past the firmware", async () => {
  await reinstallPastFirmware(vm);
});
