/** The bastion's way into its nodes: where the agent's key and the cluster's host CA are, and whether sshd answers. */
import { mkdir, rename, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import type { Seeds } from "../nodes/seeds.ts";
import { run } from "../run.ts";
import { type SshDoor, sshOptions } from "../verify/ssh.ts";

export type NodeDoors = {
  /**
   * Holds the `@cert-authority` line for every name: what the CA signed is a node of this cluster. And each node's own
   * key: one whose certificate has ended is still known here, and can get a new one.
   */
  readonly knownHostsFile: string;
  /** Writes the file anew: from the next connection on, hosts are believed and refused as it says then. */
  refresh(): Promise<void>;
  doorOf(node: { readonly hostname: string; readonly address: string }): SshDoor;
};

export type NodeDoorSettings = {
  /** /run/imagectl: short, since a Unix socket's path has at most 107 bytes (unix(7)). */
  readonly runDirectory: string;
  readonly agentKey: string;
  /** One OpenSSH public key line. */
  readonly hostCaKey: string;
  /** Host keys as they are known at the time of the call. */
  readonly seeds: Pick<Seeds, "currentHostKeys" | "revokedHostKeys">;
};

/** Writes known_hosts, and makes the folder of shared ssh connections. */
export async function openNodeDoors(settings: NodeDoorSettings): Promise<NodeDoors> {
  const { runDirectory, agentKey, hostCaKey, seeds } = settings;
  const controlDirectory = join(runDirectory, "ssh");
  await mkdir(controlDirectory, { recursive: true, mode: 0o700 });
  const knownHostsFile = join(runDirectory, "known_hosts");
  const refresh = async (): Promise<void> => {
    const lines = [
      `@cert-authority * ${hostCaKey}`,
      ...seeds.currentHostKeys().map(({ node, hostKey }) => `${node} ${hostKey}`),
      ...seeds.revokedHostKeys().map((key) => `@revoked * ${key}`),
    ];
    // ssh must never read half of it.
    await writeFile(`${knownHostsFile}.new`, `${lines.join("\n")}\n`, { mode: 0o644 });
    await rename(`${knownHostsFile}.new`, knownHostsFile);
  };
  await refresh();
  return {
    knownHostsFile,
    refresh,
    doorOf: ({ hostname, address }) => ({
      hostname,
      address,
      identityFile: agentKey,
      knownHostsFile,
      controlDirectory,
    }),
  };
}

/** RFC 4253 section 4.1. */
const sshPort = 22;

/**
 * Whether something listens on the node's ssh port: cheap enough to ask a whole cluster every few seconds.
 * @param timeoutMs a host that is down answers nothing.
 */
export function answersOnSsh(address: string, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port: sshPort, timeout: timeoutMs });
    const end = (isOpen: boolean) => () => {
      socket.destroy();
      resolve(isOpen);
    };
    socket.once("connect", end(true));
    socket.once("timeout", end(false));
    socket.once("error", end(false));
  });
}

/** Exit codes that are the agent's answer; ssh's own failure is 255. */
const agentExitCodes = Array.from({ length: 255 }, (_unused, code) => code);

/** The first word of the line by which the apply script asks for a new login, or it undoes what it did. */
const confirmWord = "confirm ";

/**
 * Sends an overlay to the node's agent, which applies it. What shuts the bastion out, a firewall rule or a key,
 * shows only on a new connection: the node asks for one when it is done, and undoes everything without it.
 * @param onLine called for each line that the apply script prints.
 * @returns the apply script's exit code.
 * @throws ImagectlError COMMAND_FAILED when ssh does not get there.
 */
export async function applyOverlay(
  door: SshDoor,
  overlay: Uint8Array,
  { isDryRun, onLine }: { readonly isDryRun: boolean; readonly onLine: (line: string) => void },
): Promise<number> {
  const option = isDryRun ? "--dry-run" : "--confirm";
  const { exitCode } = await run("ssh", [...sshOptions(door), `imagectl@${door.address}`, "apply", option], {
    input: overlay,
    okExitCodes: agentExitCodes,
    onLine: (line) => {
      onLine(line);
      if (line.startsWith(confirmWord)) void confirm(door);
    },
    hint: `Try the way by hand: ssh -i ${door.identityFile} -o UserKnownHostsFile=${door.knownHostsFile} -o HostKeyAlias=${door.hostname} imagectl@${door.address} run </dev/null`,
  });
  return exitCode;
}

/** Never rejects: whether somebody came, the node knows best, and says so. ssh takes the first of two options. */
async function confirm(door: SshDoor): Promise<void> {
  const alone = ["-o", "ControlMaster=no", "-o", "ControlPath=none"];
  await run("ssh", [...alone, ...sshOptions(door), `imagectl@${door.address}`, "confirm"]).catch(
    () => undefined,
  );
}
