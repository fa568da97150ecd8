/** Level 3: the built image's root as node1, booted in namespaces, with bastion and outsider on its switch. */
import { expect } from "vitest";
import { keyPaths, readPublicKeys } from "../../src/keys.ts";
import { type BootedNode, openBootedNodes } from "../../src/lab/booted-nodes.ts";
import type { Host } from "../../src/lab/host.ts";
import type { NamespaceHost } from "../../src/lab/namespace-host.ts";
import type { LabNetwork } from "../../src/lab/network.ts";
import { openScratch } from "../../src/lab/scratch.ts";
import type { Namespace } from "../../src/namespace.ts";
import { statePaths } from "../../src/paths.ts";
import { nodeOverlay } from "../../src/plan/fill-secrets.ts";
import type { NodePlan } from "../../src/plan/plan.ts";
import { anyExitCode, type RunResult, run } from "../../src/run.ts";
import { openSecrets } from "../../src/secrets.ts";
import type { RunAt } from "../../src/verify/report.ts";
import type { Vantages } from "../../src/verify/run-checks.ts";
import { runThrough } from "../../src/verify/run-framed.ts";
import { type SshDoor, sshOptions } from "../../src/verify/ssh.ts";
import { cache, ensureImage, imageOf, planOf, testState } from "./image.ts";
import { type LabCluster, type LabClusterOptions, lab, makeLabCluster, wholeCluster } from "./lab-cluster.ts";

export type BootedLab = {
  readonly cluster: LabCluster;
  readonly host: NamespaceHost;
  readonly network: LabNetwork;
  readonly vantages: Vantages;
  /** The cluster file's other nodes, booted as well. */
  readonly others: readonly BootedNode[];
  /** The node as the bastion's server sees it: by ssh to the agent's account. */
  readonly agent: RunAt;
  /** From the cluster file as it is now. */
  plan(): Promise<NodePlan>;
  /** `imagectl apply`, as the bastion does it: the overlay by ssh to the node's agent. */
  apply(...options: readonly "--dry-run"[]): Promise<RunResult>;
  /** ssh from the bastion as a user, with these options first. Any exit code is an answer. */
  sshAs(user: string, key: string, words: readonly string[], options?: readonly string[]): Promise<RunResult>;
  close(): Promise<void>;
};

/**
 * Builds the image where needed, makes its root node1's own, and boots it; other nodes of the file share it.
 * @param otherMacs of further cards of the machine.
 */
export async function openBootedLab(
  options: LabClusterOptions = wholeCluster,
  otherMacs: readonly string[] = [],
): Promise<BootedLab> {
  const scratch = openScratch({ cache, pid: process.pid });
  const cluster = await makeLabCluster(scratch.folder("cluster"), options);
  await ensureImage(cluster.file, options.os);
  const paths = statePaths({ IMAGECTL_STATE: testState });
  const keys = keyPaths(paths.keys);
  const plan = () => planOf(cluster.file);
  const planned = await plan();
  const root = (await imageOf(planned)).artefact("root.tar.zst");
  const otherNodes = (options.otherNodes ?? []).map(async ({ name, mac }) => ({
    plan: await planOf(cluster.file, name),
    mac,
    otherMacs: [],
    root,
  }));
  const secrets = openSecrets(paths.secrets);
  const { hostCaKey } = await readPublicKeys(paths.keys);
  const booted = await openBootedNodes({
    cache,
    scratch,
    addresses: lab,
    nodes: [{ plan: planned, mac: lab.node.mac, otherMacs, root }, ...(await Promise.all(otherNodes))],
    hostCa: { privateKeyFile: keys.hostCa.privateKey, publicKey: hostCaKey },
    secrets,
    now: new Date(),
    onProgress: () => {},
  });
  const { network, knownHostsFile } = booted;
  const [{ host, vantages }, ...others] = booted.nodes as [BootedNode, ...BootedNode[]];
  const { name, address } = lab.node;
  const close = async (): Promise<void> => {
    await booted.close();
    scratch.close();
  };
  const doorFolder = scratch.folder("ssh");
  const door: SshDoor = {
    hostname: name,
    address,
    identityFile: keys.agent.privateKey,
    knownHostsFile,
    controlDirectory: doorFolder,
  };
  const inside = (place: Namespace, words: readonly string[], input?: Uint8Array): Promise<RunResult> =>
    run(place.enter[0], [...place.enter.slice(1), ...words], {
      okExitCodes: anyExitCode,
      timeoutMs: 120_000,
      ...(input === undefined ? {} : { input }),
    });
  return {
    cluster,
    host,
    network,
    vantages,
    others,
    agent: runThrough(name, [
      ...network.bastion.enter,
      "ssh",
      ...sshOptions(door),
      `imagectl@${address}`,
      "run",
    ]),
    plan,
    apply: async (...options) => {
      const overlay = await nodeOverlay((await plan()).node, secrets);
      const way = ["ssh", ...sshOptions(door), `imagectl@${address}`, "apply", ...options];
      return inside(network.bastion, way, overlay);
    },
    sshAs: (user, key, words, options = []) =>
      inside(network.bastion, [
        ...[
          "ssh",
          ...options,
          "-F",
          "/dev/null",
          "-i",
          key,
          "-o",
          "IdentitiesOnly=yes",
          "-o",
          "BatchMode=yes",
        ],
        ...["-o", `UserKnownHostsFile=${door.knownHostsFile}`, "-o", "GlobalKnownHostsFile=/dev/null"],
        ...["-o", "StrictHostKeyChecking=yes", `${user}@${address}`, ...words],
      ]),
    close,
  };
}

/** @returns what a script says that must end well. */
export async function onMachine(
  { host }: { readonly host: Pick<Host, "run"> },
  script: string,
  timeoutSeconds = 60,
): Promise<string> {
  const { exitCode, stdout, stderr } = await host.run(script, timeoutSeconds);
  expect(exitCode, stdout + stderr).toBe(0);
  return stdout.trim();
}
