/** lynis, another's judge of a whole machine: brought along, run there, read. */
import type { Host } from "../../src/lab/host.ts";
import { run } from "../../src/run.ts";
import { onMachine } from "./booted-lab.ts";

export type LynisReport = {
  /** Of 100. */
  readonly hardeningIndex: number;
  /** Of tests: what they are called. */
  readonly executed: readonly string[];
  /** What does not apply to the machine. */
  readonly skipped: readonly string[];
  /** `TEST|text`, as lynis gives them. */
  readonly warnings: readonly string[];
};

/** In an emulated machine, beside another one. */
const auditSeconds = 2_400;

/** Puts this machine's own lynis on the node, has it look at everything, and reads its report: lynis(8). */
export async function auditWithLynis(node: { readonly host: Pick<Host, "run"> }): Promise<LynisReport> {
  const pack = "tar -C / -cz usr/sbin/lynis usr/share/lynis etc/lynis | base64 --wrap=0";
  const { stdout: packed } = await run("sh", ["-c", pack]);
  for (const part of packed.match(/.{1,100000}/g) ?? []) {
    // No word of a command line is longer than 128 KiB.
    await onMachine(node, `echo ${part} >>/run/lynis`);
  }
  await onMachine(node, "base64 -d /run/lynis | tar -C / -xz");
  await onMachine(node, "lynis audit system --quick --quiet --no-colors --no-log", auditSeconds);
  return readReport(await onMachine(node, "cat /var/log/lynis-report.dat"));
}

function readReport(report: string): LynisReport {
  const fields = report.split("\n").map((line) => line.split("=") as [string, ...string[]]);
  const all = (key: string): string[] =>
    fields.filter(([each]) => each === key).map(([, ...value]) => value.join("="));
  const tests = (key: string): string[] => (all(key)[0] ?? "").split("|").filter((name) => name !== "");
  return {
    hardeningIndex: Number(all("hardening_index")[0]),
    executed: tests("tests_executed"),
    skipped: tests("tests_skipped"),
    warnings: all("warning[]"),
  };
}
