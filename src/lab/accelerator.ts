/** Chooses how virtual machines run: KVM only where a kernel was seen to run under it. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ImagectlError } from "../errors.ts";
import { dyingWithUs } from "../namespace.ts";
import { start } from "../run.ts";
import type { Accelerator } from "./qemu-line.ts";

/** How long the smoke boot may take. Milliseconds. A working KVM needs two seconds, emulation six. */
const smokeTimeoutMs = 10_000;

export type AcceleratorChoice = {
  /** The value of IMAGECTL_ACCEL: tcg, kvm, or auto (the default). */
  readonly wanted: string | undefined;
  /** A Linux kernel to try with. */
  readonly kernel: string;
  /** For the serial log. */
  readonly folder: string;
};

/** @throws ImagectlError USAGE for another word, KVM_UNUSABLE when kvm is asked for and no guest runs under it. */
export async function chooseAccelerator(choice: AcceleratorChoice): Promise<Accelerator> {
  switch (choice.wanted ?? "auto") {
    case "tcg":
      return "tcg";
    case "kvm":
      if (await smokeBoot("kvm", choice)) return "kvm";
      throw new ImagectlError("KVM_UNUSABLE", "no guest runs under KVM on this host", {
        hint: "Emulate instead: IMAGECTL_ACCEL=tcg",
      });
    case "auto":
      return (await smokeBoot("kvm", choice)) ? "kvm" : "tcg";
    default:
      throw new ImagectlError("USAGE", `IMAGECTL_ACCEL is ${choice.wanted}`, {
        hint: "Set it to tcg, kvm or auto.",
      });
  }
}

/**
 * Boots the kernel alone until it misses a root file system, which is the last thing that it does before
 * userland. A boot sector is not enough: some hosts' /dev/kvm runs firmware and then hangs in the kernel.
 */
export async function smokeBoot(
  accelerator: Accelerator,
  { kernel, folder }: Pick<AcceleratorChoice, "kernel" | "folder">,
): Promise<boolean> {
  const serial = join(folder, `smoke-${accelerator}.log`);
  writeFileSync(serial, "");
  const [program, ...words] = [
    ...dyingWithUs,
    ...["qemu-system-x86_64", "-accel", accelerator, "-machine", "q35", "-nodefaults", "-display", "none"],
    ...["-m", "512", "-no-reboot", "-serial", `file:${serial}`],
    ...["-kernel", kernel, "-append", "console=ttyS0 panic=-1"],
  ];
  const machine = start(program, words, { onLine: () => {} });
  let isOver = false;
  machine.exited.then(() => {
    isOver = true;
  });
  const hasRun = (): boolean => readFileSync(serial, "latin1").includes("Unable to mount root fs");
  for (let waited = 0; waited < smokeTimeoutMs && !isOver && !hasRun(); waited += 100) {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  machine.stop("SIGKILL");
  await machine.exited;
  return hasRun();
}
