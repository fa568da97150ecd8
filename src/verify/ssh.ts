/** The way into a node: the account `imagectl`, its forced command, and a host key signed by the cluster's CA. */
import { run } from "../run.ts";
import type { RunAt } from "./report.ts";
import { runThrough } from "./run-framed.ts";

export type SshDoor = {
  readonly hostname: string;
  /** Connected to; the host certificate is checked against `hostname`. */
  readonly address: string;
  /** Private key of the cluster's agent. */
  readonly identityFile: string;
  /** Holds the `@cert-authority` line of the cluster's host CA, and at most keys that it once signed. */
  readonly knownHostsFile: string;
  /** A short path, mode 0700: a Unix socket's path has at most 107 bytes (unix(7)). */
  readonly controlDirectory: string;
};

/** How long a shared connection stays open after its last use. Seconds. Our choice: longer than one check. */
const persistSeconds = 60;

/**
 * One login carries all checks (ssh_config(5) ControlMaster): on an emulated machine a handshake takes
 * seconds, a further session on the same connection one round trip.
 */
export function sshOptions(door: SshDoor): string[] {
  const options: Readonly<Record<string, string | number>> = {
    BatchMode: "yes",
    IdentitiesOnly: "yes",
    IdentityFile: door.identityFile,
    UserKnownHostsFile: door.knownHostsFile,
    GlobalKnownHostsFile: "/dev/null",
    StrictHostKeyChecking: "yes",
    HostKeyAlias: door.hostname,
    ConnectTimeout: 30,
    ServerAliveInterval: 10,
    ServerAliveCountMax: 3,
    ControlMaster: "auto",
    ControlPath: `${door.controlDirectory}/%C`,
    ControlPersist: persistSeconds,
    LogLevel: "ERROR",
  };
  return [
    "-F",
    "/dev/null",
    ...Object.entries(options).flatMap(([name, value]) => ["-o", `${name}=${value}`]),
  ];
}

/** @returns a RunAt for the node; what it runs, it runs as root by the account's one forced command. */
export function sshVantage(door: SshDoor): RunAt {
  return runThrough(door.hostname, ["ssh", ...sshOptions(door), `imagectl@${door.address}`, "run"]);
}

/** Ends the shared connection. Harmless when there is none: ssh then ends with 255. */
export async function closeSsh(door: SshDoor): Promise<void> {
  await run("ssh", [...sshOptions(door), "-O", "exit", `imagectl@${door.address}`], {
    okExitCodes: [0, 255],
  });
}
