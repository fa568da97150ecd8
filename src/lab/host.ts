/** A machine of a test: in namespaces or in QEMU, with the same four verbs. */
import type { CommandAnswer } from "../verify/report.ts";

export type Host = {
  readonly name: string;
  boot(): Promise<void>;
  /** Runs POSIX sh as root on the machine, the lab's own way in (not ssh). */
  run(script: string, timeoutSeconds: number): Promise<CommandAnswer>;
  powerOff(): Promise<void>;
  /** Everything its console said so far. */
  console(): string;
};
