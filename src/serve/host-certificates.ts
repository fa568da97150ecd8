/** Host certificates end after a year: running nodes get new ones in time, and nobody has to think of it. */
import { setInterval, setTimeout } from "node:timers";
import { describeError, ImagectlError } from "../errors.ts";
import type { Attempts } from "../nodes/attempts.ts";
import { isInstalled } from "../nodes/installed.ts";
import type { NodePart } from "../plan/plan.ts";
import type { RunAt } from "../verify/report.ts";
import type { Log } from "./log.ts";

export type CertifiedNode = Pick<NodePart, "hostname" | "domain" | "address">;

export type RenewalSettings = {
  readonly runOnNode: (node: CertifiedNode) => RunAt;
  /** @returns the present certificate while it does, else a new one. */
  readonly certificateFor: (
    node: CertifiedNode,
    hostKey: string,
    present: string | undefined,
  ) => Promise<string>;
};

const keyFile = "/etc/ssh/ssh_host_ed25519_key.pub";
const certificateFile = "/etc/ssh/ssh_host_ed25519_key-cert.pub";

/** For reading or writing a file of one line there. Seconds. */
const scriptSeconds = 30;

/**
 * Looks at the node's own certificate, and gives it another where it ends soon or says something else.
 * @returns whether it has a new one.
 * @throws ImagectlError VANTAGE_UNREACHABLE, COMMAND_FAILED.
 */
export async function renewCertificate(
  { runOnNode, certificateFor }: RenewalSettings,
  node: CertifiedNode,
): Promise<boolean> {
  const there = runOnNode(node);
  const read = await there(`cat ${keyFile}; cat ${certificateFile} 2>/dev/null || :`, scriptSeconds);
  const [key = "", present] = read.stdout.split("\n").filter((line) => line !== "");
  // The comment is the node's, and says nothing to ssh.
  const hostKey = key.split(" ").slice(0, 2).join(" ");
  const certificate = await certificateFor(node, hostKey, present);
  if (certificate === present) return false;
  const written = await there(
    `umask 022 && cat >${certificateFile}.new <<'END' && mv -f ${certificateFile}.new ${certificateFile} && systemctl reload ssh.service
${certificate}
END`,
    scriptSeconds,
  );
  if (written.exitCode === 0) return true;
  throw new ImagectlError(
    "COMMAND_FAILED",
    `the certificate could not be written: ${written.stderr.trim()}`,
    {
      hint: `Look there: df -h /etc; systemctl status ssh.service on ${node.hostname}`,
    },
  );
}

/** Those that nothing is done with just now, and whose disk holds a system of ours, whatever was tried since. */
export function runningNodes(
  attempts: Pick<Attempts, "frozenPlan" | "installed" | "latestOfAll">,
): CertifiedNode[] {
  return attempts.latestOfAll().flatMap(({ node, state }) => {
    const installed = state.isLive ? undefined : attempts.installed(node);
    if (installed === undefined || !isInstalled(installed.state)) return [];
    return [attempts.frozenPlan(installed.id).node];
  });
}

export type CertificateWatch = {
  readonly nodes: () => readonly CertifiedNode[];
  readonly answersOnSsh: (address: string) => Promise<boolean>;
  /** Never rejects. */
  readonly renew: (node: CertifiedNode) => Promise<boolean>;
  /** Believes host keys as they are known now. */
  readonly refreshKnownHosts: () => Promise<void>;
  readonly log: Log;
};

/** The same for who has something else to do with the node: what went wrong is in the log. */
export async function renewOrLog(settings: RenewalSettings, log: Log, node: CertifiedNode): Promise<boolean> {
  try {
    return await renewCertificate(settings, node);
  } catch (error) {
    log(node.hostname, `its host certificate could not be looked at: ${describeError(error)}`, "warning");
    return false;
  }
}

/** Milliseconds. Certificates are renewed a month before they end. */
const lookEveryMs = 86_400_000;
/** Milliseconds. A server that just started has more urgent things to do. */
const firstLookMs = 60_000;

/** One look at all of them; one that is off is looked at another day. */
export async function renewCertificates({
  nodes,
  answersOnSsh,
  renew,
  refreshKnownHosts,
  log,
}: CertificateWatch): Promise<void> {
  await refreshKnownHosts();
  for (const node of nodes()) {
    if (!(await answersOnSsh(node.address))) continue;
    if (await renew(node)) log(node.hostname, "its host key is certified anew, for a year");
  }
}

/** @returns a function that ends it. */
export function watchCertificates(watch: CertificateWatch): () => void {
  const look = (): void => {
    void renewCertificates(watch).catch((error: unknown) => {
      watch.log("serve", `host certificates could not be looked at: ${describeError(error)}`, "error");
    });
  };
  const timers = [setTimeout(look, firstLookMs), setInterval(look, lookEveryMs)];
  for (const timer of timers) timer.unref();
  return () => {
    for (const timer of timers) clearTimeout(timer);
  };
}
