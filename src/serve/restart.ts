/** Tells a running node to start anew, over the agent's account. */
import type { Restart } from "../cluster/config.ts";
import { describeError, ImagectlError } from "../errors.ts";
import type { Attempt } from "../nodes/attempts.ts";
import type { RunAt } from "../verify/report.ts";

export type NodeAddress = { readonly hostname: string; readonly address: string };

/** What was asked of the node; `reason` says why it is a reboot where a kexec was wanted. */
export type Restarted = { readonly by: Restart; readonly reason?: string };

export type Restarter = {
  /** @returns undefined when its agent answers with a host key that our CA signed. */
  whyUnreachable(node: NodeAddress): Promise<string | undefined>;
  /** Returns when the node has taken the order and before it goes. @throws ImagectlError NODE_UNREACHABLE. */
  restart(node: NodeAddress, attempt: Attempt, how: Restart): Promise<Restarted>;
};

/** Seconds for a login and a small command on a busy machine. */
const askSeconds = 20;

/** The answer must be on its way before sshd is stopped. Seconds. */
const leaveSeconds = 2;

const leaveBy = (verb: Restart): string =>
  `systemd-run --quiet --on-active=${leaveSeconds} --timer-property=AccuracySec=100ms systemctl ${verb}`;

export function openRestarter(runOnNode: (node: NodeAddress) => RunAt): Restarter {
  return {
    whyUnreachable: async (node) => {
      try {
        const { exitCode } = await runOnNode(node)("true", askSeconds);
        return exitCode === 0 ? undefined : `its agent ran \`true\` to exit code ${exitCode}`;
      } catch (error) {
        return describeError(error);
      }
    },
    restart: async (node) => {
      const { exitCode, stderr } = await runOnNode(node)(leaveBy("reboot"), askSeconds);
      if (exitCode !== 0) throw notTaken(node, stderr);
      return { by: "reboot" };
    },
  };
}

function notTaken({ hostname }: NodeAddress, stderr: string): ImagectlError {
  const why = stderr.trim().split("\n").at(-1) || "it said nothing";
  return new ImagectlError("NODE_UNREACHABLE", `${hostname} did not take the order to restart: ${why}`, {
    hint: `Restart it by hand, then: imagectl watch ${hostname}`,
  });
}
