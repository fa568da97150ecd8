/** What the agent writes for disks into the new root, and which stacks of devices it takes apart. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type AgentShell, openAgentShell } from "../support/agent-shell.ts";

let shell: AgentShell;
beforeEach(() => {
  shell = openAgentShell();
  mkdirSync(join(shell.target, "etc"));
});
afterEach(() => shell.close());

/** A device's UUID is its name. */
const uuids = 'uuid_of() { echo "uuid-of-$(basename "$1")"; }\n';

function devices(root: string, ...esps: readonly string[]): void {
  writeFileSync(join(shell.runFolder, "root-device"), `${root}\n`);
  writeFileSync(join(shell.runFolder, "esp-devices"), esps.map((esp) => `${esp}\n`).join(""));
}

const fstab = (): string => readFileSync(join(shell.target, "etc/fstab"), "utf8");

test("one disk: root and ESP by UUID", async () => {
  devices("/dev/vda3", "/dev/vda2");
  await shell.run(`${uuids}write_fstab`);
  expect(fstab()).toBe(`# Written by imagectl when this node was deployed.
UUID=uuid-of-vda3 / ext4 defaults 0 1
UUID=uuid-of-vda2 /boot/efi vfat umask=0077 0 1
`);
});

test("two disks: a system that misses one ESP starts all the same", async () => {
  devices("/dev/md0", "/dev/vda2", "/dev/vdb2");
  await shell.run(`${uuids}write_fstab`);
  expect(fstab()).toBe(`# Written by imagectl when this node was deployed.
UUID=uuid-of-md0 / ext4 defaults 0 1
UUID=uuid-of-vda2 /boot/efi vfat umask=0077,nofail,x-systemd.device-timeout=30s 0 1
UUID=uuid-of-vdb2 /boot/efi2 vfat umask=0077,nofail,x-systemd.device-timeout=30s 0 1
`);
});

describe("a data disk that is kept", () => {
  const keep = { device: "/dev/vdc1", filesystem: "xfs", mount: "/srv/data" };

  test("gets a place and a line, and nothing else", async () => {
    const { exitCode } = await shell.run(`${uuids}step_keep_data_disk`, { ...keep, uuid: "uuid-of-vdc1" });
    expect(exitCode).toBe(0);
    expect(existsSync(join(shell.target, "srv/data"))).toBe(true);
    expect(fstab()).toBe(
      "UUID=uuid-of-vdc1 /srv/data xfs defaults,nofail,x-systemd.device-timeout=30s 0 2\n",
    );
  });

  test("is none of ours when it has another UUID than the inventory said", async () => {
    const result = await shell.run(`${uuids}step_keep_data_disk`, { ...keep, uuid: "another" });
    expect(result.exitCode).not.toBe(0);
    expect(result.stdout).toContain("/dev/vdc1 has the UUID uuid-of-vdc1, expected another");
    expect(existsSync(join(shell.target, "etc/fstab"))).toBe(false);
  });
});

test.each<[string, string, number]>([
  [
    "a volume on a mirror that has one half on our disk",
    "/dev/dm-0\n/dev/md0\n/dev/sda1\n/dev/sda\n/dev/sdb1\n/dev/sdb",
    0,
  ],
  ["one that has none on it", "/dev/md1\n/dev/sdb1\n/dev/sdb", 1],
  ["one on a disk whose name only begins like ours", "/dev/md1\n/dev/sdaa1\n/dev/sdaa", 1],
])("stacked devices: %s", async (_name, below, exitCode) => {
  const lsblk = `lsblk() { printf '${below.replaceAll("\n", "\\n")}\\n'; }\n`;
  const asked = await shell.run(`${lsblk}lies_on_our_disks dm-0`, { disks: "/dev/sdc /dev/sda" });
  expect(asked.exitCode).toBe(exitCode);
});
