/**
 * Ubuntu's way, with a stand-in for its ISO: a live session of Ubuntu's own packages in the layout of the ISO, with the
 * arguments and the order of things that were read of casper and subiquity. cloud-init, the installed system and its
 * packages are Ubuntu's; server, seed, layers, agent and checks are ours.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { anyExitCode } from "../../src/run.ts";
import { expectNothingLeft, type InstallerLab, openInstallerLab } from "../support/installer-lab.ts";
import { lab } from "../support/lab-cluster.ts";
import { openPackageProxy } from "../support/package-proxy.ts";
import { storeStandIn } from "../support/stand-in-installer.ts";
import { tellAsOneStory } from "../support/story.ts";
import { describeUbuntu } from "../support/ubuntu-archive.ts";

const os = "ubuntu-24.04";
/** MiB: of the lab's machines, and what 24.04's installer needs. */
const [usual, needed] = [2048, 8192];
const node = lab.node.name;

await describeUbuntu("ubuntu-24.04", () => {
  tellAsOneStory();
  let vm: InstallerLab;

  beforeAll(async () => {
    vm = await openInstallerLab({
      os,
      bringImage: (folder) => storeStandIn(os, folder),
      openProxy: openPackageProxy,
    });
  });
  afterAll(() => vm?.close());

  test("a machine with 2 GiB is told that it has too little, and nothing hangs", async () => {
    await vm.bastion.imagectl(["arm", node]);
    await vm.machine.boot();
    const { body } = await vm.untilEvent("machine-too-small", 300);
    expect(body).toMatchObject({ memoryMiB: usual, requiredMiB: needed });
    expect(vm.machine.console()).toContain(
      `this machine has ${usual} MiB of memory; the installer needs ${needed} MiB`,
    );
    const watched = await vm.bastion.imagectl(["watch", node], { okExitCodes: anyExitCode });
    expect(watched.stdout).toContain(`the machine has ${usual} MiB of memory`);
    await vm.machine.powerOff();
    await vm.bastion.imagectl(["disarm", node]);
  });

  test("with enough it is installed, and every check is green", async () => {
    vm.machine.setMemory(needed);
    await vm.bringUp("a stand-in for Ubuntu's installer", { minutes: 60 });
  });

  test("what the installer reported are events, and it was deployed before the installer's last word", async () => {
    const told: readonly string[] = (await vm.events()).map(({ body }) =>
      "stage" in body ? body.stage : body.kind,
    );
    const expected = ["partitioning", "copying-system", "late-commands", "deployed", "restarting"];
    const places = expected.map((each) => told.indexOf(each));
    expect(places, told.join(" ")).not.toContain(-1);
    expect(places, told.join(" ")).toEqual([...places].sort((left, right) => left - right));
  });

  test("no password, token or seed is left on it", () => expectNothingLeft(vm));
});
