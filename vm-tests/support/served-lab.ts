/** Level 2: the real server on a bastion in a network of its own, with a small image and a node that speaks by curl. */
import { makeSeed } from "../../src/cloud-init/seed.ts";
import { ensureKeys } from "../../src/keys.ts";
import { LabBastion } from "../../src/lab/lab-bastion.ts";
import { type LabNetwork, openLabNetwork } from "../../src/lab/network.ts";
import { openScratch, type Scratch } from "../../src/lab/scratch.ts";
import { statePaths } from "../../src/paths.ts";
import { readPlanInput } from "../../src/plan/inputs.ts";
import { planNode } from "../../src/plan/make.ts";
import type { NodePlan } from "../../src/plan/plan.ts";
import { anyExitCode, type RunResult, run } from "../../src/run.ts";
import { type FakeNode, plugFakeNode } from "./fake-node.ts";
import { cache } from "./image.ts";
import { type LabCluster, lab, makeLabCluster } from "./lab-cluster.ts";
import { ensureRecovery } from "./recovery.ts";
import { publishSmallImage } from "./stored-image.ts";

export type ServedLab = {
  readonly scratch: Scratch;
  readonly cluster: LabCluster;
  readonly network: LabNetwork;
  readonly bastion: LabBastion;
  readonly node: FakeNode;
  /** IMAGECTL_STATE: a disk of its own that only the bastion sees. */
  readonly state: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly plan: NodePlan;
  /** Runs POSIX sh as root on the bastion; any exit code is an answer. */
  sh(script: string, words?: readonly string[]): Promise<RunResult>;
  close(): Promise<void>;
};

/**
 * Makes all of it; the server is not started.
 * @param stateMiB size of the disk under the bastion's state.
 * @param surroundings what the server and its commands find in their environment, too.
 */
export async function openServedLab(
  stateMiB: number,
  surroundings: (scratch: Scratch) => Readonly<Record<string, string>> = () => ({}),
): Promise<ServedLab> {
  const scratch = openScratch({ cache, pid: process.pid });
  const made = scratch.folder("made");
  const state = scratch.folder("state");
  const cluster = await makeLabCluster(scratch.folder("cluster"));
  const { keys, secrets } = statePaths({ IMAGECTL_STATE: made });
  await ensureKeys(keys);
  await ensureRecovery(secrets, [lab.node.name]);
  const input = { clusterFile: cluster.file, keysDirectory: keys, operatingSystems: ["debian-12"], makeSeed };
  const plan = planNode(await readPlanInput(input), lab.node.name);
  await publishSmallImage(made, plan);
  const network = await openLabNetwork({ ...lab, outsider: undefined });
  const environment = { ...surroundings(scratch), IMAGECTL_STATE: state, IMAGECTL_RUN: scratch.runtime };
  const bastion = new LabBastion({
    place: network.bastion,
    clusterFile: cluster.file,
    environment,
    onLine: () => {},
  });
  const sh = (script: string, words: readonly string[] = []): Promise<RunResult> => {
    const [program, ...enter] = network.bastion.enter;
    return run(program, [...enter, "sh", "-euc", script, "sh", ...words], {
      env: environment,
      okExitCodes: anyExitCode,
      timeoutMs: 60_000,
    });
  };
  await sh('mount -t tmpfs -o "size=$1m,mode=755" tmpfs "$2" && cp -a "$3/." "$2"', [
    String(stateMiB),
    state,
    made,
  ]);
  const node = await plugFakeNode(network, { mac: lab.node.mac, address: lab.node.address });
  const close = async (): Promise<void> => {
    await bastion.stop();
    await node.close();
    await network.close();
    scratch.close();
  };
  return { scratch, cluster, network, bastion, node, state, environment, plan, sh, close };
}
