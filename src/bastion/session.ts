/** Reads what a confirmation is judged by: the processes above us, our terminal, and the change that waits. */
import { readFile, readlink, rm, writeFile } from "node:fs/promises";
import { networkInterfaces } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { run } from "../run.ts";
import type { Ancestor, Claim } from "./confirmation.ts";

/** As templates/apply.sh has them. */
const waitingFile = "/run/imagectl-waiting";
const confirmedFile = "/run/imagectl-confirmed";
const lockFile = "/var/lib/imagectl/lock";

/** USER_HZ: proc_pid_stat(5) counts in it, and every architecture of ours has 100. */
const ticksPerSecond = 100;

/** What an apply still does after it was confirmed: milliseconds. */
const commitTimeoutMs = 30_000;

export async function readClaim(isAtConsole: boolean): Promise<Claim> {
  const [ancestors, waitingSince, terminal] = await Promise.all([
    readAncestors(process.ppid),
    readWaiting(),
    readlink("/proc/self/fd/0").catch(() => undefined),
  ]);
  const ownAddresses = Object.values(networkInterfaces()).flatMap((entries) =>
    (entries ?? []).map(({ address }) => address),
  );
  return { waitingSince, ancestors, ownAddresses, terminal, isAtConsole };
}

/** An apply that was killed leaves its word behind, but not its lock. */
async function readWaiting(): Promise<number | undefined> {
  const text = await readFile(waitingFile, "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  const { exitCode } = await run("flock", ["--nonblock", lockFile, "true"], { okExitCodes: [0, 1] });
  return exitCode === 1 ? Number.parseFloat(text) : undefined;
}

async function readAncestors(pid: number): Promise<Ancestor[]> {
  const ancestors: Ancestor[] = [];
  for (let next = pid; next > 1; ) {
    const stat = await readFile(`/proc/${next}/stat`, "utf8").catch(() => undefined);
    const parsed = stat === undefined ? undefined : parseStat(stat);
    if (parsed === undefined) break;
    const environment = await readFile(`/proc/${next}/environ`, "latin1").catch(() => "");
    const clientAddress = /(?:^|\0)SSH_CONNECTION=(\S+) /.exec(environment)?.[1];
    ancestors.push({ name: parsed.name, startedAt: parsed.startedTicks / ticksPerSecond, clientAddress });
    next = parsed.parent;
  }
  return ancestors;
}

/** Reads proc_pid_stat(5): the name may hold anything, so what follows is counted from its last parenthesis. */
export function parseStat(
  text: string,
): { readonly name: string; readonly parent: number; readonly startedTicks: number } | undefined {
  const [, name, rest] = /^[0-9]+ \((.*)\) ([\s\S]*)$/.exec(text) ?? [];
  if (name === undefined || rest === undefined) return undefined;
  // Fields 4 (ppid) and 22 (starttime); the first of `rest` is field 3.
  const fields = rest.split(" ");
  return { name, parent: Number(fields[1]), startedTicks: Number(fields[19]) };
}

/** @returns whether the apply took it and is done; false: it had given up already. */
export async function sendConfirmation(): Promise<boolean> {
  await writeFile(confirmedFile, "", { mode: 0o600 });
  for (let waitedMs = 0; waitedMs < commitTimeoutMs; waitedMs += 200) {
    await sleep(200);
    if (await isGone(waitingFile)) break;
  }
  const wasTaken = await isGone(confirmedFile);
  // One that nobody took must not confirm the next change.
  await rm(confirmedFile, { force: true });
  return wasTaken;
}

async function isGone(path: string): Promise<boolean> {
  return readFile(path).then(
    () => false,
    () => true,
  );
}
