/** Tells a running node to start anew, over the agent's account: through its firmware, or straight into the deploy environment. */
import type { Restart } from "../cluster/config.ts";
import { describeError, ImagectlError } from "../errors.ts";
import type { Attempt } from "../nodes/attempts.ts";
import type { BootFiles } from "../pxe/boot/script.ts";
import { shellQuote } from "../shell.ts";
import type { Firmware } from "../store/manifest.ts";
import type { CommandAnswer, RunAt } from "../verify/report.ts";

export type NodeAddress = { readonly hostname: string; readonly address: string };

/** What was asked of the node; `reason` says why it is a reboot where a kexec was wanted. */
export type Restarted = { readonly by: Restart; readonly reason?: string };

export type Restarter = {
  /** @returns undefined when its agent answers with a host key that our CA signed. */
  whyUnreachable(node: NodeAddress): Promise<string | undefined>;
  /** Returns when the node has taken the order and before it goes. @throws ImagectlError NODE_UNREACHABLE. */
  restart(node: NodeAddress, attempt: Attempt, how: Restart): Promise<Restarted>;
};

export type RestarterSettings = {
  readonly runOnNode: (node: NodeAddress) => RunAt;
  /** What the boot script would load, with a fresh token in the command line. */
  readonly bootFilesOf: (attempt: Attempt, firmware: Firmware) => Promise<BootFiles>;
  /** templates/restart/kexec.sh. */
  readonly kexecScript: string;
};

/** Seconds for a login and a small command on a busy machine. */
const askSeconds = 20;

/** Seconds: about 100 MB from the bastion, at 10 Mbit/s at worst, and their checksums. */
const loadSeconds = 180;

/** The answer must be on its way before sshd is stopped. Seconds. */
const leaveSeconds = 2;

const leaveBy = (verb: Restart): string =>
  `systemd-run --quiet --on-active=${leaveSeconds} --timer-property=AccuracySec=100ms systemctl ${verb}`;

const askFirmware = "if [ -d /sys/firmware/efi ]; then echo uefi-x64; else echo bios-x86; fi";

export function openRestarter(settings: RestarterSettings): Restarter {
  const { runOnNode } = settings;
  return {
    whyUnreachable: async (node) => {
      try {
        const { exitCode } = await runOnNode(node)("true", askSeconds);
        return exitCode === 0 ? undefined : `its agent ran \`true\` to exit code ${exitCode}`;
      } catch (error) {
        return describeError(error);
      }
    },
    restart: async (node, attempt, how) => {
      const runAt = runOnNode(node);
      const reason = how === "kexec" ? await whyNotLoaded(settings, runAt, attempt) : undefined;
      const by = how === "kexec" && reason === undefined ? "kexec" : "reboot";
      const answer = await runAt(leaveBy(by), askSeconds);
      if (answer.exitCode !== 0) throw notTaken(node, answer);
      return reason === undefined ? { by } : { by, reason };
    },
  };
}

/** @returns undefined when the deploy environment lies in the node's memory, ready to be started. */
async function whyNotLoaded(
  { bootFilesOf, kexecScript }: RestarterSettings,
  runAt: RunAt,
  attempt: Attempt,
): Promise<string | undefined> {
  try {
    const firmware = (await runAt(askFirmware, askSeconds)).stdout.trim() as Firmware;
    const files = await bootFilesOf(attempt, firmware);
    const answer = await runAt(`${kexecVariables(files)}${kexecScript}`, loadSeconds);
    return answer.exitCode === 0 ? undefined : lastWords(answer);
  } catch (error) {
    return describeError(error);
  }
}

/** Assignments in front of the script; every value is one word of the shell. */
export function kexecVariables({ kernel, initrds, commandLine }: BootFiles): string {
  const lines = (files: readonly { readonly url: string; readonly sha256: string }[]): string =>
    files.map(({ url, sha256 }) => `${sha256} ${url}`).join("\n");
  const variables = { kernel: lines([kernel]), initrds: lines(initrds), command_line: commandLine };
  return Object.entries(variables)
    .map(([name, value]) => `${name}=${shellQuote(value)}\n`)
    .join("");
}

function lastWords({ stderr }: CommandAnswer): string {
  return stderr.trim().split("\n").at(-1) || "it said nothing";
}

function notTaken({ hostname }: NodeAddress, answer: CommandAnswer): ImagectlError {
  const message = `${hostname} did not take the order to restart: ${lastWords(answer)}`;
  return new ImagectlError("NODE_UNREACHABLE", message, {
    hint: `Restart it by hand, then: imagectl watch ${hostname}`,
  });
}
