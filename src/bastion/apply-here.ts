/** Applies a plan to the machine that this runs on, without ssh: the bastion itself. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { ImagectlError } from "../errors.ts";
import type { NodePlan } from "../plan/plan.ts";
import { anyExitCode, run } from "../run.ts";

/**
 * What has a plan of another machine's must never be applied here, nor packages of another system.
 * @throws ImagectlError ROOT_REQUIRED, NOT_THE_BASTION.
 */
export async function requireThisMachine({ image, node }: NodePlan): Promise<void> {
  const refuse = (message: string, hint: string) => new ImagectlError("NOT_THE_BASTION", message, { hint });
  if (process.getuid?.() !== 0) {
    throw new ImagectlError("ROOT_REQUIRED", "the bastion's accounts, sshd and firewall are root's", {
      hint: `sudo imagectl apply ${node.hostname}`,
    });
  }
  const isHere = Object.values(networkInterfaces()).some((entries) =>
    entries?.some(({ address }) => address === node.address),
  );
  if (!isHere) {
    const hint = `Log in to ${node.address} and run it there, or give this machine the address: ip -br address`;
    throw refuse(`this machine does not have the bastion's address ${node.address}`, hint);
  }
  const release = await readFile("/etc/os-release", "utf8").catch(() => "");
  const system = parseOsRelease(release);
  if (system !== image.os) {
    const hint = `Set groups.${node.group}.os to ${system}, or install ${image.os} on this machine`;
    throw refuse(`this machine runs ${system}; the group ${node.group} is for ${image.os}`, hint);
  }
}

/** Reads os-release(5). @returns `debian-12`. */
export function parseOsRelease(text: string): string {
  const value = (key: string) => new RegExp(`^${key}="?([^"\\n]*)`, "m").exec(text)?.[1] ?? "";
  return `${value("ID")}-${value("VERSION_ID")}`;
}

export type ApplyHere = {
  readonly overlay: Uint8Array;
  readonly isDryRun: boolean;
  /** Seconds after which an unconfirmed change is undone. */
  readonly confirmSeconds: number;
  readonly onLine: (line: string) => void;
};

/** Those that end a terminal's programs. The script undoes what it did before it ends. */
const signals = ["SIGHUP", "SIGINT", "SIGTERM"] as const;

/** @returns the apply script's exit code. */
export async function applyHere({ overlay, isDryRun, confirmSeconds, onLine }: ApplyHere): Promise<number> {
  // In RAM: values of secrets are in it.
  const folder = await mkdtemp("/run/imagectl-apply-");
  const controller = new AbortController();
  const abort = () => controller.abort();
  for (const name of signals) process.on(name, abort);
  try {
    await run("tar", ["-x", "-C", folder, "-f", "-"], { input: overlay });
    const option = isDryRun ? "--dry-run" : `--confirm=${confirmSeconds}`;
    const { exitCode } = await run("sh", [join(folder, "imagectl/apply"), option], {
      okExitCodes: anyExitCode,
      signal: controller.signal,
      onLine,
    });
    return exitCode;
  } finally {
    for (const name of signals) process.off(name, abort);
    await rm(folder, { recursive: true, force: true });
  }
}
