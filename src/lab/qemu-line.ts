/** The command line of one virtual machine: pure, so that a failing test can print exactly what ran. */
import type { Firmware } from "../store/manifest.ts";

export type Accelerator = "tcg" | "kvm";

export type MachineDisk = {
  readonly path: string;
  readonly serial: string;
  /** GPU servers have NVMe, and SATA for what need not be fast; `virtio` is what most virtual machines have. */
  readonly bus: "nvme" | "sata" | "virtio";
};

export type MachineSpec = {
  readonly name: string;
  readonly firmware: Firmware;
  readonly mac: string;
  /** Tap interface that exists already. */
  readonly tap: string;
  /** Cards beside it, in this order; none of them network-boots. */
  readonly otherNics?: readonly { readonly mac: string; readonly tap: string }[];
  readonly disks: readonly MachineDisk[];
  readonly memoryMiB: number;
  readonly cpus: number;
  /**
   * Who network-boots a UEFI machine: EDK2's own stack (DHCP, TFTP) as on a real server, or the iPXE that
   * QEMU carries as the card's ROM. A BIOS machine always has the ROM: SeaBIOS has no stack of its own.
   */
  readonly uefiNetworkStack: "edk2" | "ipxe-rom";
  readonly accelerator: Accelerator;
  /** What its serial port says is appended there. */
  readonly serialLog: string;
  /** What its battery-backed clock says at power-on, UTC, as QEMU's `-rtc base=` takes it; else the host's time. */
  readonly clock?: string;
  /** UEFI only: this machine's own copy of the variables. */
  readonly variables: string;
};

/** Debian and Ubuntu, package ovmf. The 4M build is the one that both still ship. */
export const ovmfCode = "/usr/share/OVMF/OVMF_CODE_4M.fd";
export const ovmfVariables = "/usr/share/OVMF/OVMF_VARS_4M.fd";

/**
 * What its firmware tries first. `as-installed`: a BIOS is set to the network first, as an operator does it once;
 * a UEFI firmware keeps its own order, which a deploy must set right: it finds nothing on a blank disk.
 * (QEMU's bootindex would write that order anew at each start.)
 */
export type BootOrder = "as-installed" | "disk-first";

/** A kernel that the emulator loads itself, past firmware and network: for tests of what comes after them. */
export type DirectKernel = {
  readonly kernel: string;
  readonly initrd: string;
  readonly commandLine: readonly string[];
};

/** @returns the words that start it. */
export function qemuLine(machine: MachineSpec, by: BootOrder | DirectKernel): [string, ...string[]] {
  const order = typeof by === "string" ? by : "disk-first";
  return [
    "qemu-system-x86_64",
    ...["-name", machine.name, "-machine", "q35,graphics=off", "-nodefaults", "-display", "none"],
    ...acceleration(machine.accelerator),
    ...(machine.clock === undefined ? [] : ["-rtc", `base=${machine.clock}`]),
    ...["-m", String(machine.memoryMiB), "-smp", String(machine.cpus)],
    // `-serial file:` would begin the file anew at each power-on.
    ...["-chardev", `file,id=serial0,append=on,path=${machine.serialLog}`, "-serial", "chardev:serial0"],
    ...firmwareWords(machine),
    ...networkWords(machine, order),
    ...machine.disks.flatMap((disk, index) => diskWords(disk, index, bootIndexOf(machine, index, order))),
    ...(typeof by === "string" ? [] : directWords(by)),
  ];
}

function directWords({ kernel, initrd, commandLine }: DirectKernel): string[] {
  return ["-kernel", kernel, "-initrd", initrd, "-append", commandLine.join(" ")];
}

/**
 * Two emulation threads and a large translation buffer: measured fastest for a kernel and its userland. Without
 * ERMS and FSRM the kernel copies by words: emulated, `rep movsb` goes byte by byte.
 */
function acceleration(accelerator: Accelerator): string[] {
  return accelerator === "kvm"
    ? ["-accel", "kvm", "-cpu", "host"]
    : ["-accel", "tcg,thread=multi,tb-size=512", "-cpu", "max,-erms,-fsrm"];
}

function firmwareWords(machine: MachineSpec): string[] {
  if (machine.firmware === "bios-x86") return [];
  return [
    ...["-drive", `if=pflash,format=raw,readonly=on,file=${ovmfCode}`],
    ...["-drive", `if=pflash,format=raw,file=${machine.variables}`],
  ];
}

function networkWords(machine: MachineSpec, order: BootOrder): string[] {
  const rom = machine.firmware === "uefi-x64" && machine.uefiNetworkStack === "edk2" ? ",romfile=" : "";
  const isFirst = order === "as-installed" && machine.firmware === "bios-x86";
  return [
    ...["-netdev", `tap,id=net0,ifname=${machine.tap},script=no,downscript=no`],
    ...["-device", `virtio-net-pci,netdev=net0,mac=${machine.mac}${isFirst ? ",bootindex=1" : ""}${rom}`],
    ...(machine.otherNics ?? []).flatMap(({ mac, tap }, index) => [
      ...["-netdev", `tap,id=net${index + 1},ifname=${tap},script=no,downscript=no`],
      ...["-device", `virtio-net-pci,netdev=net${index + 1},mac=${mac},romfile=`],
    ]),
  ];
}

/** The network has 1. */
function bootIndexOf(machine: MachineSpec, disk: number, order: BootOrder): number | undefined {
  return order === "as-installed" && machine.firmware === "uefi-x64" ? undefined : disk + 2;
}

/** The ports of `ide-hd` are those of q35's own AHCI controller. */
const deviceOf = { nvme: "nvme", sata: "ide-hd", virtio: "virtio-blk-pci" } as const;

/** `unsafe` ignores flushes: a power cut here is the end of QEMU, which the host's page cache survives. */
function diskWords(disk: MachineDisk, index: number, bootIndex: number | undefined): string[] {
  const place = bootIndex === undefined ? "" : `,bootindex=${bootIndex}`;
  const drive = `if=none,id=disk${index},file=${disk.path},format=raw,cache=unsafe,discard=unmap`;
  return [
    ...["-drive", drive],
    ...["-device", `${deviceOf[disk.bus]},drive=disk${index},serial=${disk.serial}${place}`],
  ];
}
