/** The scripts that run on a node in RAM, read by shellcheck: nobody watches them when they fail. */
import { join } from "node:path";
import { expect, test } from "vitest";
import { packageRoot } from "../../src/paths.ts";
import { anyExitCode, run } from "../../src/run.ts";

const folder = join(packageRoot, "templates/deploy");
const installer = "../installers/debian";
const ubuntu = "../../vm-tests/ubuntu";
// agent.sh, installer.sh and step.sh source the others: each is read together with what it uses.
test.each([
  ["dash", "imagectl/agent.sh"],
  ["dash", "imagectl/step.sh"],
  ["dash", "imagectl/installer.sh"],
  ["sh", "imagectl/tidy-system.sh"],
  ["dash", "imagectl/grub-config.sh"],
  ["sh", "hooks/imagectl"],
  ["sh", "scripts/imagectl"],
  ["sh", "imagectl/turn"],
  ["sh", `${installer}/imagectl/disks`],
  ["sh", `${installer}/usr/lib/fetch-url/imagectl`],
  ["sh", "../installers/ubuntu/early-command.sh"],
  ["sh", "../recipes/deploy-environment/folder.sh"],
  ["sh", "../recipes/deploy-environment/pack-folder.sh"],
  ["sh", "../recipes/installer/environment.sh"],
  ["sh", `${ubuntu}/initramfs/casper.sh`],
  ["sh", `${ubuntu}/initramfs/hook`],
  ["sh", `${ubuntu}/layers/in-layers.sh`],
  ["sh", `${ubuntu}/layers/initrd.sh`],
  ["sh", `${ubuntu}/layers/live-packages.sh`],
  ["sh", `${ubuntu}/layers/minimal.sh`],
  ["sh", `${ubuntu}/live/usr/bin/curtin`],
])("shellcheck -s %s %s says nothing", async (shell, file) => {
  const words = ["-x", "-s", shell, "-P", packageRoot, join(folder, file)];
  const { stdout } = await run("shellcheck", words, { okExitCodes: anyExitCode });
  expect(stdout).toBe("");
});

test("shellcheck does say something where there is something to say", async () => {
  const { stdout } = await run("shellcheck", ["-s", "dash", "-"], {
    input: "rm -rf $1\n",
    okExitCodes: anyExitCode,
  });
  expect(stdout).toContain("SC2086");
});
