/** A BIOS machine with an earlier life: what is taken apart, what is overwritten, and what keeps every byte. */
import { afterAll, beforeAll, expect, test } from "vitest";
import type { QemuHost } from "../../src/lab/qemu-host.ts";
import { type DeployLab, openDeployLab, startFromDisk } from "../support/deploy-lab.ts";
import { sha256OfFile } from "../support/raw-disk.ts";
import { tellAsOneStory } from "../support/story.ts";

// One machine, in this order.
tellAsOneStory();
let deployLab: DeployLab;
let machine: QemuHost;
const disk = { bytes: 6 * 1024 ** 3, bus: "virtio" } as const;

beforeAll(async () => {
  deployLab = await openDeployLab({ disks: [disk, disk, disk], disk: '{match: {serial: "*-1"}}' });
  machine = deployLab.machine("bios-x86");
  deployLab.startBastion();
});
afterAll(() => deployLab?.close());

/** On the first and the third disk: a mirror with a volume group on it; on the third also data that nobody else has. */
const earlierLife = `
set -eu
modprobe -a raid1 dm_mod
for disk in vda vdc; do
  printf 'label: gpt\\nsize=1GiB, type=raid\\nsize=1GiB\\n' | sfdisk --quiet /dev/$disk
done
udevadm settle
mdadm --create /dev/md0 --level=1 --raid-devices=2 --metadata=1.2 --assume-clean --run /dev/vda1 /dev/vdc1
lvm pvcreate --yes /dev/md0
lvm vgcreate old /dev/md0
lvm lvcreate --yes --size 300M --name root old
mke2fs -q -t ext4 /dev/old/root
mke2fs -q -t ext4 /dev/vdc2
mkdir -p /data
mount /dev/vdc2 /data
head -c 1000000 /dev/urandom >/data/thesis
umount /data
lvm vgchange --activate n
mdadm --stop /dev/md0
sync
`;

const prepare = {
  "earlier-life.sh": earlierLife,
  "scripts/imagectl": `mountroot() {
  PATH=/imagectl/bin:$PATH dash /earlier-life.sh && echo "earlier life: lived"
  sleep 1
  busybox poweroff -f
}
mount_top() { :; }
mount_premount() { :; }
`,
};

/** The mirror and its volume group run when the agent starts, as after a rescue. Read-only: not a byte changes. */
const assemble = {
  "scripts/init-premount/ORDER": '/scripts/init-premount/assemble "$@"\n',
  "scripts/init-premount/assemble": `#!/bin/sh
PATH=/imagectl/bin:$PATH
modprobe -a raid1 dm_mod
mdadm --assemble --readonly /dev/md0 /dev/vda1 /dev/vdc1
lvm vgchange --activate y
[ ! -e /sys/block/dm-0 ] || echo "earlier life: a volume on a mirror is active"
`,
};

/** The disk with the same image, and that with half of the mirror and the data. */
async function othersNow(): Promise<readonly string[]> {
  const [, sameImage, half] = machine.disks.map(({ path }) => path) as [string, string, string];
  return [await sha256OfFile(sameImage), await sha256OfFile(half)];
}
let others: readonly string[];

test("a mirror and a volume group in use are taken apart, and only the chosen disk is overwritten", async () => {
  await deployLab.deploy(machine);
  const from = machine.console().length;
  await deployLab.boot(machine, prepare);
  await machine.untilConsole(/earlier life: lived/, 120, from);
  await machine.untilConsole(/Power down/, 60, from);
  await machine.powerOff();
  others = await othersNow();

  await deployLab.setDiskPolicy('{match: {serial: "*-0"}}');
  const before = machine.console().length;
  await deployLab.deploy(machine, assemble);
  expect(machine.console().slice(before)).toContain("a volume on a mirror is active");
  expect(await othersNow()).toEqual(others);
});

test("it starts the system of that disk, although another one carries the same image", async () => {
  await startFromDisk(machine);
  await machine.powerOff();
  expect(await othersNow()).toEqual(others);
});
