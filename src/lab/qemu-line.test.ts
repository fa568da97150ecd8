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

const line = (changes: Partial<MachineSpec> = {}, order: BootOrder = "network-first"): string =>
  qemuLine({ ...machine, ...changes }, order).join(" ");

test("a UEFI machine has its own variables and boots by EDK2's own network stack", () => {
  expect(line()).toContain("if=pflash,format=raw,file=/lab/variables.fd");
  expect(line()).toMatch(/virtio-net-pci,netdev=net0,mac=52:54:00:77:00:11,bootindex=1,romfile=(?= |$)/);
});

test("a machine whose card carries iPXE keeps its ROM", () => {
  expect(line({ uefiNetworkStack: "ipxe-rom" })).not.toContain("romfile");
  expect(line({ firmware: "bios-x86" })).not.toContain("romfile");
});

test("a BIOS machine has no flash", () => {
  expect(line({ firmware: "bios-x86" })).not.toContain("pflash");
});

test("the network comes before every disk in the boot order", () => {
  const two = line({
    disks: [
      { path: "/lab/disk0.raw", serial: "a", bus: "nvme" },
      { path: "/lab/disk1.raw", serial: "b", bus: "virtio" },
    ],
  });
  expect(two).toContain("nvme,drive=disk0,serial=a,bootindex=2");
  expect(two).toContain("virtio-blk-pci,drive=disk1,serial=b,bootindex=3");
});

test("a disk-first machine tries the network last", () => {
  expect(line({}, "disk-first")).toMatch(/nvme,[^ ]*bootindex=2/);
  expect(line({}, "disk-first")).toMatch(/virtio-net-pci,[^ ]*bootindex=3/);
});

test("KVM takes the host's processor, emulation the largest", () => {
  expect(line({ accelerator: "kvm" })).toContain("-accel kvm -cpu host");
  expect(line()).toContain("-accel tcg,thread=multi,tb-size=512 -cpu max");
});
