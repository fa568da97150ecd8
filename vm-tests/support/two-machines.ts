/** Level 3: node1 and its bastion booted from the node's image, with a desk and an outsider on their switch. */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { keyPaths, readPublicKeys } from "../../src/keys.ts";
import { type BootedNode, openBootedNodes } from "../../src/lab/booted-nodes.ts";
import { NamespaceHost } from "../../src/lab/namespace-host.ts";
import type { LabNetwork } from "../../src/lab/network.ts";
import { prepareRoot } from "../../src/lab/prepare-root.ts";
import { openScratch } from "../../src/lab/scratch.ts";
import { unpackRoot } from "../../src/lab/unpack-root.ts";
import { statePaths } from "../../src/paths.ts";
import { wholeOverlay } from "../../src/plan/fill-secrets.ts";
import type { NodePlan } from "../../src/plan/plan.ts";
import { openSecrets } from "../../src/secrets.ts";
import { cache, ensureImage, imageOf, planOf, testState } from "./image.ts";
import {
  byHandAddress,
  type LabCluster,
  type LabClusterOptions,
  lab,
  makeLabCluster,
} from "./lab-cluster.ts";

export type TwoMachines = {
  readonly cluster: LabCluster;
  readonly node: BootedNode;
  readonly bastion: BootedNode;
  readonly network: LabNetwork;
  close(): Promise<void>;
};

export type TwoMachinesOptions = {
  /** With roles of the bastion. */
  readonly cluster: LabClusterOptions;
  /** Packages that only the bastion's roles install: they are in the image, and their units are off there. */
  readonly bastionPackages?: readonly { readonly name: string; readonly unit: string }[];
  /** Files of the node's image that the bastion must not have. */
  readonly nodeFiles?: readonly string[];
  /** Makes the secrets of both machines, before they boot. */
  readonly ensureSecrets?: () => Promise<void>;
};

/** No machine of the cluster file, but on its network. */
export const desk = "10.77.0.9";

/** A role of the lab's own, beside its cluster file. */
const packagesRole = "bastion-packages";

export async function openTwoMachines(options: TwoMachinesOptions): Promise<TwoMachines> {
  const { bastionPackages = [], nodeFiles = [], ensureSecrets = async () => {} } = options;
  const { os, roles } = options.cluster;
  const scratch = openScratch({ cache, pid: process.pid });
  const clusterFolder = scratch.folder("cluster");
  const ownRoles = bastionPackages.length === 0 ? [] : [packagesRole];
  const cluster = await makeLabCluster(clusterFolder, { ...options.cluster, roles: [...roles, ...ownRoles] });
  if (ownRoles.length > 0) writePackagesRole(join(clusterFolder, "roles", packagesRole), bastionPackages);
  await ensureImage(cluster.file, os);
  await ensureSecrets();
  const paths = statePaths({ IMAGECTL_STATE: testState });
  const secrets = openSecrets(paths.secrets);
  const hostCaKey = keyPaths(paths.keys).hostCa.privateKey;
  const plan = await planOf(cluster.file);
  const root = (await imageOf(plan)).artefact("root.tar.zst");
  const booted = await openBootedNodes({
    cache,
    scratch,
    addresses: { ...lab, bastion: desk },
    nodes: [{ plan, mac: lab.node.mac, otherMacs: [], root }],
    hostCa: { privateKeyFile: hostCaKey, publicKey: (await readPublicKeys(paths.keys)).hostCaKey },
    secrets,
    now: new Date(),
    onProgress: () => {},
  });
  const { network } = booted;
  const [node] = booted.nodes as [BootedNode];
  const bastionPlan = await planOf(cluster.file, "bastion");
  const folder = scratch.folder("bastion");
  const lower = await unpackRoot({ archive: root.path, sha256: root.sha256, cache, now: new Date() });
  await prepareRoot({ plan: bastionPlan, lower, folder, hostCaKey, secrets });
  await settle(join(folder, "upper"), bastionPlan, secrets);
  const mac = "52:54:00:77:00:02";
  const host = new NamespaceHost({ hostname: "bastion", mac, id: scratch.id, lower, folder, network });
  const close = async (): Promise<void> => {
    await host.powerOff();
    await booted.close();
    scratch.close();
  };
  try {
    await host.boot();
    await applyWhole(host, nodeFiles);
  } catch (error) {
    await close();
    throw error;
  }
  const seen = (each: BootedNode["vantages"]): BootedNode["vantages"] => ({
    ...each,
    bastion: (script, timeoutSeconds) => host.run(script, timeoutSeconds),
  });
  const vantages = { ...node.vantages, node: seen(node.vantages).bastion };
  return {
    cluster,
    node: { ...node, vantages: seen(node.vantages) },
    bastion: { plan: bastionPlan, host, vantages },
    network,
    close,
  };
}

function writePackagesRole(folder: string, packages: readonly { name: string; unit: string }[]): void {
  mkdirSync(folder, { recursive: true });
  const role = {
    summary: "What the bastion's roles install, so that one image does for both machines.",
    packages: packages.map(({ name }) => name),
    services: packages.map(({ unit }) => ({ unit, state: "disabled" })),
  };
  // JSON is YAML.
  writeFileSync(join(folder, "role.yaml"), JSON.stringify(role));
}

/** The address is the operator's; what apply would bring lies ready, since the root is an image of nodes. */
async function settle(
  upper: string,
  plan: NodePlan,
  secrets: Parameters<typeof wholeOverlay>[1],
): Promise<void> {
  const own = join(upper, byHandAddress.path);
  mkdirSync(dirname(own), { recursive: true });
  writeFileSync(own, byHandAddress.text);
  mkdirSync(join(upper, "root"), { recursive: true });
  writeFileSync(join(upper, "root/overlay.tar"), await wholeOverlay(plan, secrets), { mode: 0o600 });
}

/** What an image of nodes has for nodes alone is no role's on the bastion, so that apply leaves it there. */
async function applyWhole(host: NamespaceHost, nodeFiles: readonly string[]): Promise<void> {
  const script = `set -e
    rm -f -- ${nodeFiles.join(" ")}
    mkdir /run/overlay
    tar -x -C /run/overlay -f /root/overlay.tar
    sh /run/overlay/imagectl/apply
    sh /run/overlay/imagectl/apply`;
  const { exitCode, stdout, stderr } = await host.run(script, 120);
  if (exitCode === 0 && stdout.endsWith("\nnothing to change\n")) return;
  throw new Error(`the bastion could not be applied, or not for good: ${stdout}${stderr}`);
}
