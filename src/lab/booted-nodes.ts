/** Nodes of a cluster booted in namespaces, with its bastion and its outsider on one switch: their own addresses, no wire. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { NodePlan } from "../plan/plan.ts";
import type { SecretStore } from "../secrets.ts";
import type { Vantages } from "../verify/run-checks.ts";
import { runThrough } from "../verify/run-framed.ts";
import { NamespaceHost } from "./namespace-host.ts";
import { type LabAddresses, type LabNetwork, openLabNetwork } from "./network.ts";
import { prepareRoot } from "./prepare-root.ts";
import type { Scratch } from "./scratch.ts";
import { unpackRoot } from "./unpack-root.ts";

export type BootedNodesSettings = {
  readonly cache: string;
  readonly scratch: Scratch;
  readonly addresses: LabAddresses & { readonly outsider: string };
  readonly nodes: readonly NodeToBoot[];
  /** Of the CA in which the plans' bastion trusts. */
  readonly hostCa: { readonly privateKeyFile: string; readonly publicKey: string };
  readonly secrets: Pick<SecretStore, "read">;
  readonly now: Date;
  readonly onProgress: (line: string) => void;
};

export type NodeToBoot = {
  readonly plan: NodePlan;
  readonly mac: string;
  /** Of further cards. */
  readonly otherMacs: readonly string[];
  /** Its image's packed root filesystem. */
  readonly root: { readonly path: string; readonly sha256: string };
};

export type BootedNode = {
  readonly plan: NodePlan;
  readonly host: NamespaceHost;
  readonly vantages: Vantages;
};

export type BootedNodes = {
  readonly network: LabNetwork;
  readonly nodes: readonly BootedNode[];
  /** OpenSSH's known_hosts, with the cluster's host CA. */
  readonly knownHostsFile: string;
  close(): Promise<void>;
};

/**
 * Makes each root its node's own and boots them one after the other.
 * @throws ImagectlError LAB_BOOT_FAILED with the console's last lines; what stood by then is taken down.
 */
export async function openBootedNodes(settings: BootedNodesSettings): Promise<BootedNodes> {
  const { scratch, addresses, hostCa, onProgress } = settings;
  const knownHostsFile = join(scratch.folder("known-hosts"), "known_hosts");
  writeFileSync(knownHostsFile, `@cert-authority * ${hostCa.publicKey}\n`);
  const network = await openLabNetwork(addresses);
  const nodes: BootedNode[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(nodes.map(({ host }) => host.powerOff()));
    await network.close();
  };
  try {
    for (const each of settings.nodes) {
      onProgress(`${each.plan.node.hostname}: booting its image in namespaces`);
      const host = await prepareHost(settings, network, each);
      nodes.push({ plan: each.plan, host, vantages: vantagesOf(host, network, knownHostsFile) });
      await host.boot();
    }
    return { network, nodes, knownHostsFile, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function prepareHost(
  { cache, scratch, hostCa, secrets, now }: BootedNodesSettings,
  network: LabNetwork,
  { plan, mac, otherMacs, root }: NodeToBoot,
): Promise<NamespaceHost> {
  const { hostname } = plan.node;
  const lower = await unpackRoot({ archive: root.path, sha256: root.sha256, cache, now });
  const folder = scratch.folder(hostname);
  await prepareRoot({ plan, lower, folder, hostCaKey: hostCa.privateKeyFile, secrets });
  return new NamespaceHost({ hostname, mac, otherMacs, id: scratch.id, lower, folder, network });
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
