/** Debian 13's own installer, armed and booted by the network, to the end. About 40 minutes emulated. */
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { run } from "../../src/run.ts";
import { ensureImage, testState } from "../support/image.ts";
import { expectNothingLeft, type InstallerLab, openInstallerLab } from "../support/installer-lab.ts";
import { openInstallerMirror, takeOlderInstaller } from "../support/installer-mirror.ts";
import { computingRoles, wholeCluster } from "../support/lab-cluster.ts";
import type { Moment } from "../support/stages.ts";
import { tellAsOneStory } from "../support/story.ts";

const os = "debian-13";
tellAsOneStory();
let vm: InstallerLab;

beforeAll(async () => {
  vm = await openInstallerLab({
    os,
    // Of an index that is not the signed one.
    kernelArguments: ["debian-installer/allow_unauthenticated=true"],
    bringImage: async (folder, clusterFile) => {
      await ensureImage(clusterFile, os);
      await takeOlderInstaller(testState, folder);
    },
    openProxy: openInstallerMirror,
  });
});
afterAll(() => vm?.close());

let byInstaller: ReadonlyMap<string, Moment>;
test("a blank machine is installed, and every check is green", async () => {
  byInstaller = await vm.bringUp("Debian's installer", { minutes: 100 });
});

test("no password, token or seed is left on it", () => expectNothingLeft(vm));

test("a golden image brings the same machine there with a fraction of the work", async () => {
  await vm.machine.powerOff();
  vm.cluster.rewrite({ ...wholeCluster, os, roles: computingRoles });
  await ensureImage(vm.cluster.file, os);
  // The lab's store was linked from the tests' before that image was there.
  await run("cp", ["-aln", join(testState, "store"), `${vm.environment.IMAGECTL_STATE}`]);
  const golden = await vm.bringUp("a golden image", { minutes: 20 });
  const ratios = ["deployed", "verifying", "ready"].map((stage) => {
    const [slow, fast] = [byInstaller.get(stage)?.cpu ?? 0, golden.get(stage)?.cpu ?? 0];
    expect(slow, stage).toBeGreaterThan(fast);
    return `${stage} 1 to ${(slow / fast).toFixed(1)}`;
  });
  console.log(`CPU seconds of the emulator: ${ratios.join(", ")}`);
});
