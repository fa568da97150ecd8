import { expect, test } from "vitest";
import { type BootOrder, type MachineSpec, qemuLine } from "./qemu-line.ts";

const machine: MachineSpec = {
  name: "node1",
  firmware: "uefi-x64",
  mac: "52:54:00:77:00:11",
  tap: "tap-node1",
  disks: [{ path: "/lab/disk0.raw", serial: "lab-node1-0", bus: "nvme" }],
  memoryMiB: 2048,
  cpus: 2,
  uefiNetworkStack: "edk2",
  accelerator: "tcg",
  serialLog: "/lab/serial.log",
  variables: "/lab/variables.fd",
};

const line = (changes: Partial<MachineSpec> = {}, order: BootOrder = "as-installed"): string =>
  qemuLine({ ...machine, ...changes }, order).join(" ");

test("a UEFI machine has its own variables and boots by EDK2's own network stack", () => {
  expect(line()).toContain("if=pflash,format=raw,file=/lab/variables.fd");
  expect(line()).toMatch(/virtio-net-pci,netdev=net0,mac=52:54:00:77:00:11,romfile=(?= |$)/);
});

test("a machine whose card carries iPXE keeps its ROM", () => {
  expect(line({ uefiNetworkStack: "ipxe-rom" })).not.toContain("romfile");
  expect(line({ firmware: "bios-x86" })).not.toContain("romfile");
});

test("a machine whose battery is empty says so by its clock; others have the host's time", () => {
  expect(line({ clock: "2023-01-01T00:00:00" })).toContain("-rtc base=2023-01-01T00:00:00 ");
  expect(line()).not.toContain("-rtc");
});

test("cards beside the first have no ROM, so that none of them boots", () => {
  const words = line({ firmware: "bios-x86", otherNics: [{ mac: "52:54:00:77:01:11", tap: "tap-node1-1" }] });
  expect(words).toContain("tap,id=net1,ifname=tap-node1-1,script=no,downscript=no");
  expect(words).toMatch(/netdev=net1,mac=52:54:00:77:01:11,romfile=(?= |$)/);
  expect(words.match(/bootindex=1/g)).toHaveLength(1);
});

test("a BIOS machine has no flash", () => {
  expect(line({ firmware: "bios-x86" })).not.toContain("pflash");
});

const severalDisks: Partial<MachineSpec> = {
  disks: [
    { path: "/lab/disk0.raw", serial: "a", bus: "nvme" },
    { path: "/lab/disk1.raw", serial: "b", bus: "virtio" },
    { path: "/lab/disk2.raw", serial: "c", bus: "sata" },
  ],
};

test("a BIOS tries the network before every disk", () => {
  const words = line({ ...severalDisks, firmware: "bios-x86" });
  expect(words).toMatch(/virtio-net-pci,[^ ]*bootindex=1(?= )/);
  expect(words).toContain("nvme,drive=disk0,serial=a,bootindex=2");
  expect(words).toContain("virtio-blk-pci,drive=disk1,serial=b,bootindex=3");
  expect(words).toContain("ide-hd,drive=disk2,serial=c,bootindex=4");
});

test("a UEFI firmware keeps the order that a deploy gave it", () => {
  expect(line(severalDisks)).not.toContain("bootindex");
});

test("a disk-first machine, whatever its firmware, has only disks in its order", () => {
  for (const firmware of ["bios-x86", "uefi-x64"] as const) {
    const words = line({ firmware }, "disk-first");
    expect(words).toContain("nvme,drive=disk0,serial=lab-node1-0,bootindex=2");
    expect(words).not.toMatch(/virtio-net-pci,[^ ]*bootindex/);
  }
});

test("KVM takes the host's processor, emulation a large one without slow string copies", () => {
  expect(line({ accelerator: "kvm" })).toContain("-accel kvm -cpu host");
  expect(line()).toContain("-accel tcg,thread=multi,tb-size=512 -cpu max,-erms,-fsrm ");
});

test("a direct kernel is loaded with its initramfs and command line, as one word each", () => {
  const direct = {
    kernel: "/k",
    initrd: "/i",
    commandLine: ["console=ttyS0", "imagectl.mac=52:54:00:77:00:11"],
  };
  expect(qemuLine(machine, direct).slice(-6)).toEqual([
    ...["-kernel", "/k", "-initrd", "/i"],
    ...["-append", "console=ttyS0 imagectl.mac=52:54:00:77:00:11"],
  ]);
});

test("what the serial port said before a power cycle stays in its log", () => {
  const words = qemuLine(machine, "as-installed");
  expect(words).toContain("file,id=serial0,append=on,path=/lab/serial.log");
});
