/** A rehearsal in namespaces: the nodes' images boot under their own systemd, at native speed, without a machine. */
import { setTimeout as sleep } from "node:timers/promises";
import type { ClusterConfig } from "../cluster/config.ts";
import { type KeyPaths, readPublicKeys } from "../keys.ts";
import { acceptance } from "../lab/acceptance.ts";
import { type BootedNode, openBootedNodes } from "../lab/booted-nodes.ts";
import { openScratch } from "../lab/scratch.ts";
import { cacheDirectory, type StatePaths } from "../paths.ts";
import { openSecrets } from "../secrets.ts";
import type { Store } from "../store/store.ts";
import type { Report } from "../verify/report.ts";
import { runChecks } from "../verify/run-checks.ts";
import type { CommandIo } from "./command.ts";
import {
  type Actor,
  artefactOf,
  checkName,
  type Fault,
  type FaultOutcome,
  outcomeOf,
  type Rehearsal,
} from "./rehearsal.ts";

export type NamespaceRehearsal = {
  readonly cluster: ClusterConfig;
  readonly actors: readonly Actor[];
  readonly fault: Fault | undefined;
  readonly store: Store;
  readonly keys: KeyPaths;
  readonly paths: StatePaths;
  readonly io: CommandIo;
  readonly say: (line: string) => void;
  readonly now: () => Date;
  /** Rejects when the operator has seen enough: what stands is taken down then. */
  readonly interrupted: Promise<never>;
};

/** How long a fault may take to show and to be gone again. Seconds. Services restart in between. */
const settleSeconds = 20;

/** What a machine of its own would have: nothing of it is here. */
const noCapabilities: ReadonlySet<string> = new Set();

/** @throws ImagectlError LAB_BOOT_FAILED, NAMESPACE_FAILED, COMMAND_FAILED of a step that makes a root a node's own. */
export async function rehearseInNamespaces(rehearsal: NamespaceRehearsal): Promise<readonly Rehearsal[]> {
  const { cluster, actors, store, keys, paths, io, say, interrupted } = rehearsal;
  const cache = cacheDirectory(io.env);
  const scratch = openScratch({ cache, pid: process.pid });
  try {
    const { hostCaKey } = await readPublicKeys(paths.keys);
    const opening = openBootedNodes({
      cache,
      scratch,
      addresses: {
        bastion: cluster.bastion.address,
        bastionInterface: cluster.bastion.interface,
        outsider: cluster.outsider,
        prefixLength: cluster.subnet.prefixLength,
      },
      nodes: actors.map(({ node, plan, image }) => {
        const { sha256 } = artefactOf(image, "root.tar.zst");
        const otherMacs = node.nics.map(({ mac }) => mac);
        return { plan, mac: node.mac, otherMacs, root: { path: store.blobPath(sha256), sha256 } };
      }),
      hostCa: { privateKeyFile: keys.hostCa.privateKey, publicKey: hostCaKey },
      secrets: openSecrets(paths.secrets),
      now: rehearsal.now(),
      onProgress: say,
    });
    const lab = await Promise.race([opening, interrupted]).catch(async (error: unknown) => {
      await opening.then((late) => late.close()).catch(() => {});
      throw error;
    });
    try {
      return await Promise.race([rehearseAll(rehearsal, lab.nodes), interrupted]);
    } finally {
      await lab.close();
    }
  } finally {
    scratch.close();
  }
}

async function rehearseAll(
  rehearsal: NamespaceRehearsal,
  nodes: readonly BootedNode[],
): Promise<readonly Rehearsal[]> {
  const rehearsals: Rehearsal[] = [];
  for (const [index, booted] of nodes.entries()) {
    const { node, plan } = rehearsal.actors[index] as Actor;
    const report = await proveAll(rehearsal, booted);
    const faults = await injectFault(rehearsal, booted);
    rehearsals.push({ node: node.name, group: node.group, os: plan.image.os, report, faults });
  }
  return rehearsals;
}

function proveAll({ say, now }: NamespaceRehearsal, { plan, vantages }: BootedNode): Promise<Report> {
  const { hostname, checks } = plan.node;
  say(`${hostname}: ${checks.length} checks from the node, the bastion and the outsider`);
  return runChecks({
    node: hostname,
    checks,
    vantages,
    capabilities: noCapabilities,
    now,
    onResult: ({ check, outcome, reason }) => {
      if (outcome === "red") say(`${hostname}: RED ${checkName(check)}: ${reason}`);
    },
  });
}

async function injectFault(
  rehearsal: NamespaceRehearsal,
  booted: BootedNode,
): Promise<readonly FaultOutcome[]> {
  const { fault, say, now } = rehearsal;
  switch (fault?.kind) {
    case undefined:
      return [];
    case "network-unplugged":
      return [await unplug(rehearsal, booted)];
    case "server-killed":
      throw new Error("no server runs in namespaces");
    case "checks": {
      const checks = booted.plan.node.checks.filter(fault.isMeant);
      const { proofs } = await acceptance({
        plan: { ...booted.plan, node: { ...booted.plan.node, checks } },
        vantages: booted.vantages,
        capabilities: noCapabilities,
        now,
        settleSeconds,
        onProgress: (line) => say(`${booted.host.name}: ${line}`),
      });
      return proofs.map(outcomeOf);
    }
    default:
      return fault satisfies never;
  }
}

/** A check that stays green when nobody can reach the node proves nothing; and it must come back by itself. */
async function unplug(rehearsal: NamespaceRehearsal, booted: BootedNode): Promise<FaultOutcome> {
  const { host } = booted;
  const fault = "network-unplugged";
  rehearsal.say(`${host.name}: its cable is pulled`);
  await host.setCable("down");
  const without = await proveAll(rehearsal, booted);
  await host.setCable("up");
  rehearsal.say(`${host.name}: its cable is back`);
  const red = without.results.filter(({ outcome }) => outcome === "red").map(({ check }) => checkName(check));
  if (without.isReady)
    return { fault, isProved: false, reason: "every check stayed green without a network" };
  const deadline = rehearsal.now().getTime() + settleSeconds * 1000;
  for (;;) {
    const again = await proveAll(rehearsal, booted);
    if (again.isReady) return { fault, isProved: true, reason: `red: ${red.join("; ")}; green again` };
    if (rehearsal.now().getTime() >= deadline) {
      return { fault, isProved: false, reason: "the node is not ready again with its cable back" };
    }
    await sleep(1_000);
  }
}
