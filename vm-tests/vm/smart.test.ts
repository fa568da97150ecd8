/** A disk with an account of its own health, which a namespace has not: smartd watches it. */
import { afterAll, beforeAll, expect, test } from "vitest";
import type { QemuHost } from "../../src/lab/qemu-host.ts";
import { machineCapabilities } from "../../src/serve/serve.ts";
import { type DeployLab, nodeAlone, openDeployLab, startFromDisk } from "../support/deploy-lab.ts";
import { standardRoles } from "../support/lab-cluster.ts";
import { prove } from "../support/prove.ts";
import { tellAsOneStory } from "../support/story.ts";

tellAsOneStory();
const disk = "{match: {}}";
let deployLab: DeployLab;
let machine: QemuHost;
beforeAll(async () => {
  deployLab = await openDeployLab({
    disks: [{ bytes: 6 * 1024 ** 3, bus: "sata" }],
    disk,
    roles: [...standardRoles, "node-exporter", "smartd"],
  });
  machine = deployLab.machine("bios-x86");
  deployLab.startBastion();
});
afterAll(() => deployLab?.close());

test("a machine with a SATA disk is deployed, and starts without a failed service", async () => {
  await deployLab.deploy(machine);
  await startFromDisk(machine);
  const { stdout } = await machine.run("systemctl is-system-running --wait", 200);
  expect(stdout).toBe("running\n");
});

test("each check of the disks is green, and its fault turns it red", async () => {
  const { elsewhere } = await prove({
    plan: await deployLab.setDiskPolicy(disk),
    wanted: ({ role, from }) => role === "smartd" && from === "node",
    vantages: nodeAlone(machine),
    capabilities: [...machineCapabilities, "hardware-smart"],
    settleSeconds: 60,
  });
  expect(elsewhere).toEqual([]);
});

// smartd starts no test when it is itself started, looks each half hour, and makes up for an hour that it missed: so the
// clock is moved past the hour, and SIGUSR1 makes it look at once. Sources: smartd(8), smartd.cpp.
test("smartd starts a short test each day, and a long one each week", async () => {
  const newestTestOnceItIs = (clock: string): string => `
    before=$(smartctl -l selftest /dev/sda | grep '^# 1 ')
    date -s '${clock}'
    systemctl kill --signal=USR1 smartmontools.service
    for try in $(seq 30); do
      newest=$(smartctl -l selftest /dev/sda | grep '^# 1 ')
      [ "$newest" = "$before" ] || break
      sleep 2
    done
    echo "$newest"
    journalctl -u smartmontools.service -n 10 -o cat`;
  await machine.run("systemctl stop chrony", 60);
  const daily = await machine.run(newestTestOnceItIs("tomorrow 02:10"), 120);
  expect(daily.stdout).toMatch(/^# 1 +Short offline +Completed without error/m);
  const weekly = await machine.run(newestTestOnceItIs("next saturday 03:10"), 120);
  expect(weekly.stdout).toMatch(/^# 1 +Extended offline +Completed without error/m);
});
