/** Level 3: the built image's root as node1, booted in namespaces, with bastion and outsider on its switch. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { keyPaths, readPublicKeys } from "../../src/keys.ts";
import { NamespaceHost } from "../../src/lab/namespace-host.ts";
import { type LabNetwork, openLabNetwork } from "../../src/lab/network.ts";
import { prepareRoot } from "../../src/lab/prepare-root.ts";
import { openScratch } from "../../src/lab/scratch.ts";
import { unpackRoot } from "../../src/lab/unpack-root.ts";
import type { Namespace } from "../../src/namespace.ts";
import { statePaths } from "../../src/paths.ts";
import { nodeOverlay } from "../../src/plan/fill-secrets.ts";
import type { NodePlan } from "../../src/plan/plan.ts";
import { type RunResult, run } from "../../src/run.ts";
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

const anyExitCode = Array.from({ length: 256 }, (_, code) => code);

/**
 * Builds the image where needed, makes its root node1's own, and boots it.
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
  const lower = await unpackRoot({ archive: root.path, sha256: root.sha256, cache, now: new Date() });
  const folder = scratch.folder(lab.node.name);
  const secrets = openSecrets(paths.secrets);
  await prepareRoot({ plan: planned, lower, folder, hostCaKey: keys.hostCa.privateKey, secrets });
  const network = await openLabNetwork(lab);
  const { name, mac, address } = lab.node;
  const host = new NamespaceHost({ hostname: name, mac, otherMacs, id: scratch.id, lower, folder, network });
  const close = async (): Promise<void> => {
    await host.powerOff();
    await network.close();
    scratch.close();
  };
  try {
    await host.boot();
  } catch (error) {
    await close();
    throw error;
  }
  const doorFolder = scratch.folder("ssh");
  const door: SshDoor = {
    hostname: name,
    address,
    identityFile: keys.agent.privateKey,
    knownHostsFile: join(doorFolder, "known_hosts"),
    controlDirectory: doorFolder,
  };
  const { hostCaKey } = await readPublicKeys(paths.keys);
  writeFileSync(door.knownHostsFile, `@cert-authority * ${hostCaKey}\n`);
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
    vantages: vantagesOf(host, network, door.knownHostsFile),
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

function vantagesOf(host: NamespaceHost, network: LabNetwork, knownHosts: string): Vantages {
  if (network.outsider === undefined) throw new Error("the lab has an outsider");
  return {
    node: (script, timeoutSeconds) => host.run(script, timeoutSeconds),
    bastion: runThrough("the bastion", [...network.bastion.enter, "sh"], {
      IMAGECTL_KNOWN_HOSTS: knownHosts,
    }),
    outsider: runThrough("the outsider", [...network.outsider.enter, "sh"]),
  };
}
