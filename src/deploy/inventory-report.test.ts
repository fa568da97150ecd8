/** What the node reports of itself: templates/deploy/imagectl/inventory.awk against machines made of files. */
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { packageRoot } from "../paths.ts";
import { parseInventory } from "./parse-inventory.ts";

const script = join(packageRoot, "templates/deploy/imagectl/inventory.awk");

let machine: string;
beforeEach(() => {
  machine = mkdtempSync(join(tmpdir(), "imagectl-machine-"));
  program("lsblk", "");
  program("ip", "");
  file("proc/cpuinfo", "processor\t: 0\nmodel name\t: x\nprocessor\t: 1\n");
  file("sys/devices/system/memory/block_size_bytes", "8000000\n");
  for (let block = 0; block < 16; block += 1) file(`sys/devices/system/memory/memory${block}/online`, "1\n");
});
afterEach(() => rmSync(machine, { recursive: true }));

function file(path: string, text: string): void {
  mkdirSync(dirname(join(machine, path)), { recursive: true });
  writeFileSync(join(machine, path), text);
}

/** A program that prints this text, whatever it is asked. */
function program(name: string, text: string): void {
  file(`bin/${name}`, `#!/bin/sh\ncat <<'TEXT'\n${text}\nTEXT\n`);
  chmodSync(join(machine, "bin", name), 0o755);
}

function report() {
  const folders = ["-v", `sys=${machine}/sys`, "-v", `proc=${machine}/proc`];
  const json = execFileSync("awk", [...folders, "-f", script], {
    encoding: "utf8",
    env: { PATH: `${machine}/bin:${process.env.PATH}`, LC_ALL: "C" },
  });
  return parseInventory(json);
}

test("memory is what is installed, not what the kernel left over", () => {
  file("proc/meminfo", "MemTotal:        1984012 kB\n");
  expect(report()).toMatchObject({ memoryMiB: 2048, cpus: 2, firmware: "bios-x86", disks: [], nics: [] });
});

test("a kernel without memory blocks still says how much there is", () => {
  rmSync(join(machine, "sys"), { recursive: true });
  file("proc/meminfo", "MemFree: 1 kB\nMemTotal:        2048000 kB\nBuffers: 2 kB\n");
  expect(report().memoryMiB).toBe(2000);
});

test("UEFI is told by what the kernel shows of it", () => {
  file("sys/firmware/efi/fw_platform_size", "64\n");
  expect(report().firmware).toBe("uefi-x64");
});

test("product and serial are kept as they are, quotes and all", () => {
  file("sys/class/dmi/id/product_name", '  HGX "B200" \\ 8\t\n');
  file("sys/class/dmi/id/product_serial", "S1\n");
  expect(report()).toMatchObject({ product: 'HGX "B200" \\ 8', serial: "S1" });
});

test("disks are reported with what lies on them and on their partitions; what only calls itself a disk is not", () => {
  // lsblk 2.38 on a machine with an old volume group; the last lines are made up.
  program(
    "lsblk",
    [
      'NAME="nvme0n1" TYPE="disk" SIZE="1920383410176" MODEL="SAMSUNG MZ7L31T9" SERIAL="S6ES 1" WWN="eui.36" RM="0" RO="0" TRAN="nvme" FSTYPE="" PTTYPE="gpt"',
      'NAME="nvme0n1p1" TYPE="part" SIZE="1" MODEL="" SERIAL="" WWN="eui.36" RM="0" RO="0" TRAN="nvme" FSTYPE="vfat" PTTYPE="gpt"',
      'NAME="nvme0n1p2" TYPE="part" SIZE="1" MODEL="" SERIAL="" WWN="eui.36" RM="0" RO="0" TRAN="nvme" FSTYPE="LVM2_member" PTTYPE="gpt"',
      'NAME="vg-root" TYPE="lvm" SIZE="1" MODEL="" SERIAL="" WWN="" RM="0" RO="0" TRAN="" FSTYPE="ext4" PTTYPE=""',
      'NAME="sda" TYPE="disk" SIZE="15" MODEL="A \\x22B\\x22" SERIAL="" WWN="" RM="1" RO="1" TRAN="usb" FSTYPE="iso9660" PTTYPE=""',
      'NAME="sr0" TYPE="rom" SIZE="15" MODEL="DVD" SERIAL="" WWN="" RM="1" RO="0" TRAN="sata" FSTYPE="" PTTYPE=""',
      'NAME="zram0" TYPE="disk" SIZE="15" MODEL="" SERIAL="" WWN="" RM="0" RO="0" TRAN="" FSTYPE="" PTTYPE=""',
    ].join("\n"),
  );
  const { disks } = report();
  expect(disks.map((disk) => disk.path)).toEqual(["/dev/nvme0n1", "/dev/sda"]);
  expect(disks[0]).toMatchObject({
    bytes: 1920383410176,
    model: "SAMSUNG MZ7L31T9",
    serial: "S6ES 1",
    wwn: "eui.36",
    isRemovable: false,
    isReadOnly: false,
    transport: "nvme",
    signatures: ["gpt", "vfat", "LVM2_member", "ext4"],
  });
  expect(disks[1]).toMatchObject({
    model: "A \\x22B\\x22",
    isRemovable: true,
    isReadOnly: true,
    signatures: ["iso9660"],
  });
});

test("file systems are those that a file system table can name", () => {
  program(
    "lsblk",
    [
      'NAME="sdb" TYPE="disk" SIZE="9" FSTYPE="" PTTYPE="gpt" UUID="" PARTLABEL=""',
      'NAME="sdb1" TYPE="part" SIZE="1" FSTYPE="ext4" PTTYPE="gpt" UUID="18e0468e-d90d-4911-b39b-84e073d2f605" PARTLABEL="data-srv-x"',
      'NAME="sdb2" TYPE="part" SIZE="1" FSTYPE="linux_raid_member" PTTYPE="gpt" UUID="d78d01ee-d0b1-4a3c-b1be-f9a02ce4f9b7" PARTLABEL=""',
      'NAME="md0" TYPE="raid1" SIZE="1" FSTYPE="xfs" PTTYPE="" UUID="aaaaaaaa-d0b1-4a3c-b1be-f9a02ce4f9b7" PARTLABEL=""',
      'NAME="sdb3" TYPE="part" SIZE="1" FSTYPE="" PTTYPE="gpt" UUID="" PARTLABEL="empty"',
      'NAME="sdc" TYPE="disk" SIZE="9" FSTYPE="xfs" PTTYPE="" UUID="bbbbbbbb-d0b1-4a3c-b1be-f9a02ce4f9b7" PARTLABEL=""',
    ].join("\n"),
  );
  expect(report().disks.map(({ filesystems }) => filesystems)).toEqual([
    [
      {
        device: "/dev/sdb1",
        type: "ext4",
        uuid: "18e0468e-d90d-4911-b39b-84e073d2f605",
        partitionName: "data-srv-x",
      },
    ],
    [{ device: "/dev/sdc", type: "xfs", uuid: "bbbbbbbb-d0b1-4a3c-b1be-f9a02ce4f9b7", partitionName: "" }],
  ]);
});

test("a disk's names by path are its own", () => {
  program("lsblk", 'NAME="sda" TYPE="disk" SIZE="1"\nNAME="sdb" TYPE="disk" SIZE="2"');
  program(
    "ls",
    [
      "total 0",
      "lrwxrwxrwx 1 root root  9 Nov 24 12:00 pci-0000:00:17.0-ata-1 -> ../../sda",
      "lrwxrwxrwx 1 root root 10 Nov 24 12:00 pci-0000:00:17.0-ata-1-part1 -> ../../sda1",
      "lrwxrwxrwx 1 root root  9 Nov 24 12:00 pci-0000:00:17.0-ata-1.0 -> ../../sda",
      "lrwxrwxrwx 1 root root  9 Nov 24 12:00 pci-0000:00:17.0-ata-2 -> ../../sdb",
    ].join("\n"),
  );
  file("proc/meminfo", "MemTotal: 2048000 kB\n");
  rmSync(join(machine, "sys"), { recursive: true });
  expect(report().disks.map((disk) => disk.idPaths)).toEqual([
    ["pci-0000:00:17.0-ata-1", "pci-0000:00:17.0-ata-1.0"],
    ["pci-0000:00:17.0-ata-2"],
  ]);
});

test("Ethernet cards are reported with their carrier, and nothing else is", () => {
  // iproute2 6.1.
  program(
    "ip",
    [
      "1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN mode DEFAULT group default qlen 1000\\    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00",
      "2: enp1s0f0np0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc mq state UP mode DEFAULT group default qlen 1000\\    link/ether b8:3f:d2:00:00:01 brd ff:ff:ff:ff:ff:ff permaddr b8:3f:d2:00:00:02",
      "3: enp1s0f1np1: <NO-CARRIER,BROADCAST,MULTICAST,UP> mtu 1500 qdisc mq state DOWN mode DEFAULT group default qlen 1000\\    link/ether b8:3f:d2:00:00:03 brd ff:ff:ff:ff:ff:ff",
      "4: ibp2s0: <BROADCAST,MULTICAST> mtu 4092 qdisc noop state DOWN mode DEFAULT group default qlen 256\\    link/infiniband 00:00:10:29:fe:80:00:00:00:00:00:00:b8:3f:d2:03:00:00:00:04 brd 00:ff:ff:ff:ff:12:40:1b:ff:ff:00:00:00:00:00:00:ff:ff:ff:ff",
    ].join("\n"),
  );
  expect(report().nics).toEqual([
    { name: "enp1s0f0np0", mac: "b8:3f:d2:00:00:01", hasCarrier: true },
    { name: "enp1s0f1np1", mac: "b8:3f:d2:00:00:03", hasCarrier: false },
  ]);
});
