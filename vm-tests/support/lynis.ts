/** lynis, another's judge of a whole machine: brought along, run there, read. */
import { expect } from "vitest";
import type { Host } from "../../src/lab/host.ts";
import { run } from "../../src/run.ts";

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

/** Puts the lynis of the computer that tests on a machine, has it look at everything, and reads its report: lynis(8). */
export async function auditWithLynis(machine: Pick<Host, "run">): Promise<LynisReport> {
  const succeed = async (script: string, timeoutSeconds: number): Promise<string> => {
    const { exitCode, stdout, stderr } = await machine.run(script, timeoutSeconds);
    expect(exitCode, stdout + stderr).toBe(0);
    return stdout;
  };
  const pack = "tar -C / -cz usr/sbin/lynis usr/share/lynis etc/lynis | base64 --wrap=0";
  const { stdout: packed } = await run("sh", ["-c", pack]);
  for (const part of packed.match(/.{1,100000}/g) ?? []) {
    // No word of a command line is longer than 128 KiB.
    await succeed(`echo ${part} >>/run/lynis`, 60);
  }
  await succeed("base64 -d /run/lynis | tar -C / -xz", 60);
  await succeed("lynis audit system --quick --quiet --no-colors --no-log", 1800);
  return readReport(await succeed("cat /var/log/lynis-report.dat", 60));
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
