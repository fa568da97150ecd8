/** Three deploys of one UEFI machine: the order in which it starts, and what becomes of its data disks. */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { QemuHost } from "../../src/lab/qemu-host.ts";
import { type DeployLab, openDeployLab } from "../support/deploy-lab.ts";
import { lab } from "../support/lab-cluster.ts";
import { makeExt4, readFromExt4, readXfs, sha256OfFile, writeIntoExt4 } from "../support/raw-disk.ts";
import { tellAsOneStory } from "../support/story.ts";
import { bootOrderOf } from "../support/uefi-variables.ts";

// One machine, in this order.
tellAsOneStory();
let deployLab: DeployLab;
let machine: QemuHost;
let kept: string;
let wiped: string;
let scratch: string;
const gibibyte = 1024 ** 3;
const data = { bytes: gibibyte, bus: "nvme" } as const;

beforeAll(async () => {
  deployLab = await openDeployLab({
    disks: [{ bytes: 8 * gibibyte, bus: "nvme" }, data, data, data],
    // The first line alone fits them all: data disks are none of the system's.
    disk: `{match: {}, data: [{match: {serial: "*-1"}, mount: /srv/kept},
      {match: {serial: "*-2"}, mount: /srv/wiped, policy: wipe, filesystem: xfs},
      {match: {serial: "*-3"}, mount: /srv/scratch, policy: scratch}]}`,
  });
  machine = deployLab.machine("uefi-x64");
  [, kept, wiped, scratch] = machine.disks.map(({ path }) => path) as [string, string, string, string];
  deployLab.startBastion();
});
afterAll(() => deployLab?.close());

/** Starts it as its own firmware wants, until it asks the network. */
async function untilNetworkBoot(): Promise<void> {
  const from = machine.console().length;
  await machine.boot("as-installed");
  await machine.untilConsole(/Start PXE over IPv4/, 120, from);
  await machine.powerOff();
  const before = machine.console().slice(from).split("Start PXE over IPv4")[0];
  expect(before).not.toContain("starting Boot");
}

const bootOrder = (): string[] => bootOrderOf(readFileSync(join(dirname(kept), "variables.fd")));
const card = `UEFI PXEv4 (MAC:${lab.node.mac.replaceAll(":", "")})`;
const seen: { xfs: string; kept: string } = { xfs: "", kept: "" };

test("the first deploy makes what is to be made, and keeps what is to be kept", async () => {
  await untilNetworkBoot();
  await makeExt4(kept, "thesis", "three years of work\n");
  seen.kept = await sha256OfFile(kept);
  await deployLab.deploy(machine);
  expect(bootOrder().slice(0, 2)).toEqual([card, "imagectl"]);
  expect(readXfs(wiped).magic).toBe("XFSB");
  seen.xfs = readXfs(wiped).uuid;
  expect(await sha256OfFile(kept)).toBe(seen.kept);
  await writeIntoExt4(scratch, "results", "a day of computing\n");
});

test.each(["second", "third"])(
  "the %s starts by the network first, with one entry of ours, and wipes only what the plan wipes",
  async () => {
    await untilNetworkBoot();
    await deployLab.deploy(machine);
    const order = bootOrder();
    expect(order.slice(0, 2)).toEqual([card, "imagectl"]);
    expect(order.filter((name) => name === "imagectl" || name === "missing")).toEqual(["imagectl"]);
    const { magic, uuid } = readXfs(wiped);
    expect(magic).toBe("XFSB");
    expect(uuid).not.toBe(seen.xfs);
    seen.xfs = uuid;
    expect(await readFromExt4(scratch, "results")).toBe("a day of computing\n");
    expect(await sha256OfFile(kept)).toBe(seen.kept);
  },
);
