/** A virtual machine with blank disks and firmware of its own: everything from power-on is real but the speed. */
import { copyFileSync, existsSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ImagectlError } from "../errors.ts";
import { dyingWithUs } from "../namespace.ts";
import { type StartedProcess, start } from "../run.ts";
import { shellLine } from "../shell.ts";
import type { CommandAnswer, RunAt } from "../verify/report.ts";
import type { Host } from "./host.ts";
import type { LabNetwork } from "./network.ts";
import {
  type BootOrder,
  type DirectKernel,
  type MachineDisk,
  type MachineSpec,
  ovmfVariables,
  qemuLine,
} from "./qemu-line.ts";

export type QemuHostSettings = Omit<MachineSpec, "disks" | "variables" | "tap" | "otherNics"> & {
  /** MAC addresses of cards beside the first; each is a port of the switch: `tap-NAME-1`, `tap-NAME-2` … */
  readonly otherMacs?: readonly string[];
  /** Blank, made at the start, sparse. */
  readonly disks: readonly {
    readonly bytes: number;
    readonly bus: MachineDisk["bus"];
    /** Default: `lab-NAME-INDEX`. */
    readonly serial?: string;
  }[];
  /** A folder of this machine alone. */
  readonly folder: string;
  readonly network: LabNetwork;
  /** The way in once its own system runs: ssh from the bastion. */
  readonly runAt: RunAt;
};

/** How many lines of the serial port an error shows. */
const tailLines = 40;

/** Kernel clock ticks in /proc/<pid>/stat per second. Source: proc(5), sysconf(_SC_CLK_TCK), 100 on Linux. */
const ticksPerSecond = 100;

export class QemuHost implements Host {
  readonly name: string;
  /** Paths of its disks, for looking at them while it is off. */
  readonly disks: readonly MachineDisk[];
  /** What its serial port said since it was made; stays when everything else of it is gone. */
  readonly serialLog: string;
  readonly #settings: QemuHostSettings;
  #machine: MachineSpec;
  readonly #said: string[] = [];
  #running: StartedProcess | undefined;
  #by: BootOrder | DirectKernel = "as-installed";

  constructor(settings: QemuHostSettings) {
    const { name, folder } = settings;
    this.name = name;
    this.serialLog = settings.serialLog;
    this.#settings = settings;
    this.disks = settings.disks.map(({ bus, serial }, index) => ({
      path: join(folder, `disk${index}.raw`),
      serial: serial ?? `lab-${name}-${index}`,
      bus,
    }));
    this.#machine = {
      ...settings,
      tap: `tap-${name}`,
      otherNics: (settings.otherMacs ?? []).map((mac, index) => ({ mac, tap: `tap-${name}-${index + 1}` })),
      disks: this.disks,
      variables: join(folder, "variables.fd"),
    };
  }

  /** From the next power-on on, as if DIMMs were taken out or put in. */
  setMemory(memoryMiB: number): void {
    this.#machine = { ...this.#machine, memoryMiB };
  }

  /** Switches it on. It decides by itself what happens next; nothing here waits for it. */
  async boot(by: BootOrder | DirectKernel = "as-installed"): Promise<void> {
    if (this.#running !== undefined) throw this.failure("it is running already");
    this.#by = by;
    this.#said.length = 0;
    await this.#makeOnce();
    const [program, ...words] = this.#settings.network.switch.enter;
    this.#running = start(dyingWithUs[0], [...dyingWithUs.slice(1), program, ...words, ...this.#line()], {
      onLine: (line) => this.#said.push(line),
    });
    const running = this.#running;
    running.exited.then(() => {
      if (this.#running === running) this.#running = undefined;
    });
  }

  /** Pulls a disk out, of a machine that is off: the next start is without it. */
  unplugDisk(path: string): void {
    this.#machine = { ...this.#machine, disks: this.#machine.disks.filter((disk) => disk.path !== path) };
  }

  async run(script: string, timeoutSeconds: number): Promise<CommandAnswer> {
    return this.#settings.runAt(script, timeoutSeconds);
  }

  /** Ends the emulator, as a pulled plug ends a machine. What reached the disk stays. */
  async powerOff(): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    this.#running = undefined;
    running.stop();
    await running.exited;
  }

  console(): string {
    return existsSync(this.serialLog) ? readFileSync(this.serialLog, "utf8") : "";
  }

  /**
   * Waits until the serial port has said it, after `fromCharacter` of the console.
   * @throws ImagectlError LAB_BOOT_FAILED after the time, or as soon as the emulator ended.
   */
  async untilConsole(pattern: RegExp, timeoutSeconds: number, fromCharacter = 0): Promise<void> {
    for (let waited = 0; waited < timeoutSeconds * 1000; waited += 500) {
      if (pattern.test(this.console().slice(fromCharacter))) return;
      if (this.#running === undefined) throw this.failure("the machine is off");
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    throw this.failure(`its console did not say ${pattern} within ${timeoutSeconds} s`);
  }

  /** Seconds of CPU that emulating it has cost since it was switched on: unlike wall time, fit for comparing. */
  cpuSeconds(): number {
    if (this.#running === undefined) throw this.failure("it is not running");
    const stat = readFileSync(`/proc/${this.#running.pid}/stat`, "utf8");
    // proc(5): after the name in parentheses come state, ppid …; utime and stime are fields 14 and 15.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
  }

  /** What went wrong, with the exact line to start the machine by hand and what it said last. */
  failure(reason: string): ImagectlError {
    const tail = this.console().replaceAll("\r", "").trimEnd().split("\n").slice(-tailLines).join("\n");
    const emulator = this.#said.length === 0 ? "" : `\nQEMU said:\n${this.#said.join("\n")}`;
    const message = `${this.name}: ${reason}\n${shellLine(this.#line())}${emulator}\nlast lines of its serial port:\n${tail}`;
    return new ImagectlError("LAB_BOOT_FAILED", message, {
      hint: `The whole of it: ${this.serialLog}`,
    });
  }

  #line(): [string, ...string[]] {
    return qemuLine(this.#machine, this.#by);
  }

  /** Disks, variables and tap interface are made once: they outlive a power cycle. */
  async #makeOnce(): Promise<void> {
    if (existsSync(this.#machine.variables)) return;
    rmSync(this.serialLog, { force: true });
    for (const [index, disk] of this.disks.entries()) {
      writeFileSync(disk.path, "");
      truncateSync(disk.path, this.#settings.disks[index]?.bytes);
    }
    if (this.#machine.firmware === "uefi-x64") copyFileSync(ovmfVariables, this.#machine.variables);
    else writeFileSync(this.#machine.variables, "");
    for (const { tap } of [this.#machine, ...(this.#machine.otherNics ?? [])]) {
      await this.#settings.network.addTap(tap);
    }
  }
}
