/** Level 4, a whole cluster: three blank machines, the images that their life needs, and the real server. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type OperatorClient, operatorClient } from "../../src/cli/operator-client.ts";
import { blankDisk, type MachineLab, openMachineLab } from "../../src/lab/machine-lab.ts";
import type { QemuHost } from "../../src/lab/qemu-host.ts";
import type { Firmware } from "../../src/store/manifest.ts";
import { cache, ensureImage, imageOf, logsFolder, planOf, testState } from "./image.ts";
import { type LabClusterOptions, lab, labSystems, makeLabCluster, wholeCluster } from "./lab-cluster.ts";

/** Both firmwares; the first one is the node of every other lab. */
export const clusterNodes = [
  { ...lab.node, firmware: "uefi-x64" },
  { name: "node2", address: "10.77.0.12", mac: "52:54:00:77:00:12", firmware: "uefi-x64" },
  { name: "node3", address: "10.77.0.13", mac: "52:54:00:77:00:13", firmware: "bios-x86" },
] as const satisfies readonly { name: string; address: string; mac: string; firmware: Firmware }[];

export type ClusterLab = Omit<MachineLab, "machine"> & {
  readonly machines: readonly QemuHost[];
  readonly operator: OperatorClient;
  /** Writes the cluster file anew with these users, and the first operating system. */
  writeUsers(users: readonly ("alice" | "carol")[]): void;
};

const wholeLife: LabClusterOptions = {
  ...wholeCluster,
  otherNodes: clusterNodes.slice(1),
  restart: "kexec",
  disk: `{match: {serial: "lab-*-0"}, data: [{match: {serial: "lab-*-1"}, mount: /srv/data, policy: scratch, filesystem: ext4}]}`,
};

const dataDiskBytes = 1024 ** 3;

/** Builds the images of every system that the cluster goes through; the server is not started. */
export async function openClusterLab(): Promise<ClusterLab> {
  const folder = mkdtempSync(join(tmpdir(), "imagectl-cluster-"));
  const cluster = await makeLabCluster(folder, wholeLife);
  const { file } = cluster;
  for (const os of labSystems.toReversed()) {
    cluster.rewrite({ ...wholeLife, os });
    await ensureImage(file, os);
  }
  const image = await imageOf(await planOf(file));
  const machineOf = (firmware: Firmware) => ({
    firmware,
    disks: [blankDisk(firmware), { ...blankDisk(firmware), bytes: dataDiskBytes }],
    uefiNetworkStack: "edk2" as const,
  });
  const [first, ...others] = clusterNodes;
  const { machine, ...machineLab } = await openMachineLab({
    cache,
    state: testState,
    clusterFile: file,
    bastion: { address: lab.bastion, interface: lab.bastionInterface, prefixLength: lab.prefixLength },
    node: first,
    machine: machineOf(first.firmware),
    kernel: image.artefact("vmlinuz").path,
    accelerator: process.env.IMAGECTL_ACCEL,
    logs: logsFolder(),
  });
  const rest = others.map((node) => machineLab.addMachine(node, machineOf(node.firmware)));
  return {
    ...machineLab,
    machines: [machine, ...rest],
    operator: operatorClient(machineLab.environment),
    writeUsers: (users) => cluster.rewrite({ ...wholeLife, users }),
    close: async () => {
      await machineLab.close();
      rmSync(folder, { recursive: true });
    },
  };
}
