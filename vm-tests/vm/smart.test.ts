/** A disk with an account of its own health, which a namespace has not: smartd watches it. */
import { afterAll, beforeAll, expect, test } from "vitest";
import type { QemuHost } from "../../src/lab/qemu-host.ts";
import { machineCapabilities } from "../../src/serve/serve.ts";
import { type DeployLab, openDeployLab } from "../support/deploy-lab.ts";
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
  const from = machine.console().length;
  await machine.boot("disk-first");
  await machine.untilConsole(/node1 login:/, 700, from);
  const { stdout } = await machine.run("systemctl is-system-running --wait", 200);
  expect(stdout).toBe("running\n");
});

test("each check of the disks is green, and its fault turns it red", async () => {
  const nobody = () => Promise.reject(new Error("only the node is asked here"));
  const { elsewhere } = await prove({
    plan: await deployLab.setDiskPolicy(disk),
    wanted: ({ role, from }) => role === "smartd" && from === "node",
    vantages: {
      node: (script, timeoutSeconds) => machine.run(script, timeoutSeconds),
      bastion: nobody,
      outsider: nobody,
    },
    capabilities: [...machineCapabilities, "hardware-smart"],
    settleSeconds: 60,
  });
  expect(elsewhere).toEqual([]);
});
