/** A golden image of Ubuntu's archive: a stand-in for that, with Debian's packages in Ubuntu's layout. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ensureKeys } from "../../src/keys.ts";
import { openScratch } from "../../src/lab/scratch.ts";
import { statePaths } from "../../src/paths.ts";
import { cache, ensureImage, planOf, testState } from "../support/image.ts";
import { computingRoles, lab } from "../support/lab-cluster.ts";
import { openStandInArchive } from "../support/stand-in-archive.ts";
import { tellAsOneStory } from "../support/story.ts";
import { untilReady } from "../support/until-ready.ts";
import { openVmLab, type VmLab } from "../support/vm-lab.ts";

const os = "ubuntu-24.04";
const scratch = openScratch({ cache, pid: process.pid });
tellAsOneStory();
let vm: VmLab;

beforeAll(async () => {
  vm = await openVmLab({
    firmware: "uefi-x64",
    os,
    bringImage: buildFromStandIn,
    cluster: { roles: computingRoles },
  });
  await vm.bastion.start();
});
afterAll(async () => {
  await vm?.close();
  scratch.close();
});

/** As an operator does with a mirror of a system that the bastion itself does not have. */
async function buildFromStandIn(clusterFile: string): Promise<void> {
  const { aptSources, keys } = statePaths({ IMAGECTL_STATE: testState });
  await ensureKeys(keys);
  const { image } = await planOf(clusterFile);
  const archive = await openStandInArchive({
    ...{ os, cache, packages: image.packages },
    scratch: scratch.folder("archive"),
  });
  const file = join(aptSources, "stand-in.sources");
  try {
    mkdirSync(aptSources, { recursive: true });
    writeFileSync(file, archive.source);
    await ensureImage(clusterFile, os);
  } finally {
    rmSync(file, { force: true });
    await archive.close();
  }
}

const node = lab.node.name;
test("a blank machine gets it, booted by Debian 13's deploy environment, and every check is green", async () => {
  expect(vm.image.image.manifest).toMatchObject({ kind: "golden", os });
  await vm.bastion.imagectl(["arm", node]);
  await vm.machine.boot();
  const report = await untilReady(vm, { minutes: 20 });
  expect(report).toMatch(new RegExp(`${node} is ready: [0-9]+ checks green, 0 red, 0 not applicable`));
});

test("its packages and its fixes come from Ubuntu's archives", async () => {
  const { stdout } = await vm.machine.run(
    "cat /etc/apt/sources.list.d/imagectl.list; apt-config dump Unattended-Upgrade::Origins-Pattern",
    60,
  );
  const keys = "[signed-by=/usr/share/keyrings/ubuntu-archive-keyring.gpg]";
  const lines = stdout.split("\n");
  expect(lines).toContain(`deb ${keys} http://archive.ubuntu.com/ubuntu noble-updates main universe`);
  expect(lines).toContain(`deb ${keys} http://security.ubuntu.com/ubuntu noble-security main universe`);
  expect(stdout).toContain(`"origin=Ubuntu,archive=\${distro_codename}-security"`);
});
