/** Level 4: the built image, the real server and a blank machine, with what its tests ask over and over. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { type OperatorClient, operatorClient } from "../../src/cli/operator-client.ts";
import { blankDisk, type MachineLab, openMachineLab } from "../../src/lab/machine-lab.ts";
import type { QemuHostSettings } from "../../src/lab/qemu-host.ts";
import type { Namespace } from "../../src/namespace.ts";
import type { EventBody, EventKind, NodeEvent } from "../../src/nodes/event.ts";
import type { Check } from "../../src/roles/role.ts";
import { anyExitCode, type RunResult, run } from "../../src/run.ts";
import { machineCapabilities } from "../../src/serve/serve.ts";
import type { Firmware } from "../../src/store/manifest.ts";
import { runThrough } from "../../src/verify/run-framed.ts";
import {
  cache,
  ensureImage,
  ensureSecrets,
  imageOf,
  logsFolder,
  planOf,
  type StoredImage,
  testState,
} from "./image.ts";
import { type LabCluster, type LabClusterOptions, lab, makeLabCluster, wholeCluster } from "./lab-cluster.ts";
import { prove } from "./prove.ts";

export type VmLab = MachineLab & {
  readonly cluster: LabCluster;
  readonly image: StoredImage;
  readonly operator: OperatorClient;
  /** All events of the node, oldest first. */
  events(): Promise<readonly NodeEvent[]>;
  /**
   * Waits for an event of this kind after the one with this id.
   * @throws with QEMU's line, the serial port's and the server's last lines when it does not come in time.
   */
  untilEvent<Kind extends EventKind>(
    kind: Kind,
    timeoutSeconds: number,
    afterId?: number,
  ): Promise<NodeEvent & { readonly body: Extract<EventBody, { kind: Kind }> }>;
  /** ssh as a user, from the bastion. Any exit code is an answer. */
  sshAs(user: "alice" | "carol", words: readonly string[]): Promise<RunResult>;
};

export type VmLabOptions = {
  readonly firmware: Firmware;
  readonly disks?: QemuHostSettings["disks"];
  readonly os?: LabClusterOptions["os"];
  /** What the machine's own clock says at power-on. */
  readonly clock?: string;
  /** What is other than usual: how the node's cards are joined to the network, its roles, who else is in the file. */
  readonly cluster?: Pick<
    Partial<LabClusterOptions>,
    "link" | "nics" | "roles" | "otherNodes" | "installer" | "kernelArguments"
  >;
  /** The kernel that is tried out with an accelerator. */
  readonly kernel?: string;
  /** Brings what the node is booted into to the tests' store; the command builds it without this. */
  readonly bringImage?: (clusterFile: string, os: string) => Promise<void>;
  /** Of cards beside the one that boots. */
  readonly otherMacs?: readonly string[];
};

export async function openVmLab(options: VmLabOptions): Promise<VmLab> {
  const { firmware, disks = [blankDisk(firmware)], os = wholeCluster.os, clock, otherMacs = [] } = options;
  const folder = mkdtempSync(join(tmpdir(), "imagectl-cluster-"));
  const cluster = await makeLabCluster(folder, { ...wholeCluster, os, ...options.cluster });
  await (options.bringImage ?? ensureImage)(cluster.file, os);
  await ensureSecrets(cluster.file);
  const image = await imageOf(await planOf(cluster.file));
  const machineLab = await openMachineLab({
    cache,
    state: testState,
    clusterFile: cluster.file,
    bastion: { address: lab.bastion, interface: lab.bastionInterface, prefixLength: lab.prefixLength },
    node: lab.node,
    machine: {
      firmware,
      disks,
      uefiNetworkStack: "edk2",
      otherMacs,
      ...(clock === undefined ? {} : { clock }),
    },
    kernel: image.artefact(options.kernel ?? "vmlinuz").path,
    accelerator: process.env.IMAGECTL_ACCEL,
    logs: logsFolder(),
  });
  const { bastion, machine } = machineLab;
  // In this process: starting a command every second would take the CPU from the machine.
  const operator = operatorClient(machineLab.environment);
  const events = (): Promise<readonly NodeEvent[]> =>
    operator.get(`/events?node=${lab.node.name}&attempts=all`);
  return {
    ...machineLab,
    cluster,
    image,
    operator,
    events,
    untilEvent: async (kind, timeoutSeconds, afterId = 0) => {
      for (let waited = 0; waited < timeoutSeconds; waited += 1) {
        const found = (await events()).find(({ id, body }) => id > afterId && body.kind === kind);
        if (found !== undefined) return found as never;
        await sleep(1_000);
      }
      const server = bastion.log().split("\n").slice(-20).join("\n");
      throw machine.failure(
        `no event ${kind} within ${timeoutSeconds} s; the server's last lines:\n${server}\n`,
      );
    },
    sshAs: (user, words) => sshAs(machineLab, cluster, user, words),
    close: async () => {
      await machineLab.close();
      rmSync(folder, { recursive: true });
    },
  };
}

function sshAs(
  { network, environment }: MachineLab,
  cluster: LabCluster,
  user: "alice" | "carol",
  words: readonly string[],
): Promise<RunResult> {
  const [program, ...enter] = network.bastion.enter;
  const knownHosts = `${environment.IMAGECTL_RUN}/known_hosts`;
  return run(
    program,
    [
      ...enter,
      ...[
        "ssh",
        "-F",
        "/dev/null",
        "-i",
        cluster.userKeys[user],
        "-o",
        "IdentitiesOnly=yes",
        "-o",
        "BatchMode=yes",
      ],
      ...["-o", `UserKnownHostsFile=${knownHosts}`, "-o", "GlobalKnownHostsFile=/dev/null"],
      ...[
        "-o",
        "StrictHostKeyChecking=yes",
        "-o",
        "ConnectTimeout=20",
        `${user}@${lab.node.address}`,
        ...words,
      ],
    ],
    { okExitCodes: anyExitCode, timeoutMs: 120_000 },
  );
}

/**
 * Each check of these, on the machine with a kernel of its own, is green and turned red by its fault.
 * @param options.outsider: without one, as the server makes its own, a check from there is named as not proved.
 * @param options.settleSeconds: how long a fault may take to show, and to be gone.
 */
export async function expectProved(
  vm: VmLab,
  wanted: (check: Check) => boolean,
  options: { readonly outsider?: Namespace; readonly settleSeconds?: number } = {},
): Promise<void> {
  const { outsider, settleSeconds = 30 } = options;
  const { elsewhere } = await prove({
    plan: await planOf(vm.cluster.file),
    wanted,
    vantages: {
      node: (script, timeoutSeconds) => vm.machine.run(script, timeoutSeconds),
      bastion: runThrough("the bastion", [...vm.network.bastion.enter, "sh"]),
      outsider:
        outsider === undefined
          ? () => Promise.reject(new Error("no outsider stands here"))
          : runThrough("the outsider", [...outsider.enter, "sh"]),
    },
    capabilities: machineCapabilities,
    settleSeconds,
  });
  expect(elsewhere).toEqual([]);
}
