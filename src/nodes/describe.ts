/** An event in one line for a person: the log of `serve` and `imagectl events` say the same. */
import { formatBytes, formatSeconds } from "../quantity.ts";
import { terminalLine } from "../terminal-text.ts";
import { overdueCause } from "./diagnose.ts";
import type { Cause, EventBody, InstallerReport, InstallerStage } from "./event.ts";

/** @returns one line without control characters, whatever the node sent. */
export function describeEvent(body: EventBody): string {
  return terminalLine(describe(body));
}

function describe(body: EventBody): string {
  switch (body.kind) {
    case "armed":
      return `${body.purpose === "rescue" ? "rescue" : "armed"} until ${body.deadline}: image ${short(body.imageId)}, plan ${short(body.planSha256)}, cluster file ${body.revision}`;
    case "retired":
      return `retired for good; certified host keys revoked: ${body.hostKeys}`;
    case "disarmed":
      return "disarmed: its disk is safe";
    case "restart-requested": {
      const why = body.reason === undefined ? "" : ` (no kexec: ${body.reason})`;
      return `its running system was told to start anew by ${body.by}${why}`;
    }
    case "machine-too-small":
      return `TOO SMALL: ${body.memoryMiB} MiB of memory, what it is armed with needs ${body.requiredMiB} MiB`;
    case "boot-offered":
      return `asks what to boot: offered ${body.bootFile}`;
    case "boot-script-served":
      return body.script === "local-disk" ? "was sent to its local disk" : `got the ${body.script} script`;
    case "seed-redeemed":
      return `opened its seed session from ${body.address}`;
    case "seed-refused":
      return `REFUSED a seed request from ${body.address}: ${body.reason}`;
    case "inventory-received": {
      const { inventory } = body;
      const disks = inventory.disks.map((disk) => `${disk.path} ${formatBytes(disk.bytes)}`).join(", ");
      return `is a ${inventory.product || "machine"} with ${inventory.cpus} CPUs, ${inventory.memoryMiB} MiB, ${inventory.firmware}, disks: ${disks || "none"}`;
    }
    case "deploy-refused":
      return `deploy REFUSED: ${body.findings.map((finding) => finding.message).join("; ")}`;
    case "step-started":
      return `step ${body.index}/${body.total}: ${body.step}`;
    case "step-progress":
      return `step ${body.index}: ${formatBytes(body.bytes)} of ${formatBytes(body.totalBytes)}, ${formatBytes(body.bytesPerSecond)}/s`;
    case "step-finished":
      return `step ${body.index} done in ${formatSeconds(body.seconds)}`;
    case "step-failed":
      return `step ${body.index} FAILED with exit code ${body.exitCode}: ${lastLine(body.logTail)}`;
    case "installer-report":
      return describeInstaller(body);
    case "deployed":
      return body.restart === "kexec"
        ? "deployed: kexec into its own system"
        : "deployed: restarts into its own system";
    case "rescue-ready":
      return "rescue: the deploy environment answers on ssh; no disk was written";
    case "system-reached":
      return "its own system answers on ssh, with a host key that our CA signed";
    case "verify-started":
      return `${body.checks} acceptance checks started`;
    case "verify-finished":
      return `${body.isReady ? "READY" : "NOT ready"}: ${body.green} checks green, ${body.red} red, ${body.notApplicable} not applicable`;
    case "verify-interrupted":
      return `the proof was interrupted (${body.reason}); it is made anew when the node answers`;
    case "stage-overdue":
      return `OVERDUE: ${overdueCause(body, body.seconds).message}`;
    case "attempt-failed":
      return `attempt FAILED: ${body.cause.message}`;
    case "server-failed":
      return `${body.request} FAILED on our side: ${body.message}`;
    default:
      return body satisfies never;
  }
}

const installerWords: Readonly<Record<InstallerStage, string>> = {
  "cloud-init": "cloud-init runs",
  preparing: "the installer prepares: its instructions, network, mirror",
  partitioning: "the installer partitions the disk",
  "copying-system": "the installer copies the system",
  "installing-kernel": "the installer installs kernel and boot loader",
  configuring: "the installer configures the system",
  "installing-packages": "the installer installs packages",
  "late-commands": "the installer runs its late-commands",
  "copying-logs": "the installer copies its logs to the disk",
  restarting: "the installer restarts the machine",
  "called-home": "its own system called home",
};

function describeInstaller(report: InstallerReport): string {
  const words = report.text === "" ? "" : ` (${report.text})`;
  if ("stage" in report) return `${installerWords[report.stage]}${words}`;
  const what = report.isFinal ? "the installer GAVE UP at" : "the installer FAILED at";
  return `${what} ${report.failure}${words}`;
}

/** @returns the hint with the node's name where it says NODE: a line that can be copied into a shell. */
export function hintFor(node: string, { hint }: Cause): string {
  return terminalLine(hint.replaceAll("NODE", node));
}

/** Enough of a digest to tell two apart by eye. */
function short(digest: string): string {
  return digest.slice(0, 12);
}

function lastLine(text: string): string {
  return text.trimEnd().split("\n").at(-1) ?? "";
}
