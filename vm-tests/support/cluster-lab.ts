/** Level 4, a whole cluster: three blank machines, the images that their life needs, and the real server. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type OperatorClient, operatorClient } from "../../src/cli/operator-client.ts";
import { blankDisk, type MachineLab, openMachineLab } from "../../src/lab/machine-lab.ts";
import type { QemuHost } from "../../src/lab/qemu-host.ts";
import { statePaths } from "../../src/paths.ts";
import { run } from "../../src/run.ts";
import type { Firmware } from "../../src/store/manifest.ts";
import { cache, ensureImage, imageOf, planOf, testState } from "./image.ts";
import { lab, labSystems, standardRoles } from "./lab-cluster.ts";
import { ensureRecovery } from "./recovery.ts";

/** Both firmwares; the first one is the node of every other lab. */
export const clusterNodes = [
  { ...lab.node, firmware: "uefi-x64" },
  { name: "node2", address: "10.77.0.12", mac: "52:54:00:77:00:12", firmware: "uefi-x64" },
  { name: "node3", address: "10.77.0.13", mac: "52:54:00:77:00:13", firmware: "bios-x86" },
] as const satisfies readonly { name: string; address: string; mac: string; firmware: Firmware }[];

export type ClusterLab = Omit<MachineLab, "machine"> & {
  readonly machines: readonly QemuHost[];
  readonly operator: OperatorClient;
  /** Writes the cluster file anew with these users; the operating system stays what it says. */
  writeUsers(users: readonly ("alice" | "carol")[]): void;
};

const dataDiskBytes = 1024 ** 3;

/** Builds the images of every system that the cluster goes through; the server is not started. */
export async function openClusterLab(): Promise<ClusterLab> {
  const folder = mkdtempSync(join(tmpdir(), "imagectl-cluster-"));
  const file = join(folder, "cluster.yaml");
  const keys = await makeUserKeys(folder);
  const write = (users: readonly ("alice" | "carol")[], os: string): void =>
    writeFileSync(file, clusterText(users, os, keys));
  for (const os of labSystems.toReversed()) {
    write(["alice", "carol"], os);
    await ensureImage(file, os);
  }
  await ensureRecovery(
    statePaths({ IMAGECTL_STATE: testState }).secrets,
    clusterNodes.map(({ name }) => name),
  );
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
    logs: join(cache, "logs", "vm-cluster"),
  });
  const rest = others.map((node) => machineLab.addMachine(node, machineOf(node.firmware)));
  return {
    ...machineLab,
    machines: [machine, ...rest],
    operator: operatorClient(machineLab.environment),
    writeUsers: (users) => write(users, readFileSync(file, "utf8").match(/os: (\S+)/)?.[1] ?? ""),
    close: async () => {
      await machineLab.close();
      rmSync(folder, { recursive: true });
    },
  };
}

type Keys = Readonly<Record<"alice" | "carol", string>>;

async function makeUserKeys(folder: string): Promise<Keys> {
  const make = async (name: string): Promise<string> => {
    const path = join(folder, name);
    await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", `${name}@lab`, "-f", path]);
    return readFileSync(`${path}.pub`, "utf8").trim();
  };
  return { alice: await make("alice"), carol: await make("carol") };
}

function clusterText(users: readonly ("alice" | "carol")[], os: string, keys: Keys): string {
  const entries = {
    alice: `  alice: {uid: 10001, keys: ["${keys.alice}"]}\n`,
    carol: `  carol: {uid: 10002, admin: true, keys: ["${keys.carol}"]}\n`,
  };
  const nodes = clusterNodes.map(
    ({ name, mac, address }) => `  ${name}: {mac: "${mac}", address: ${address}, group: gpu}\n`,
  );
  return `cluster: lab
network: {subnet: 10.77.0.0/24, domain: cluster, dns: [], outsider: ${lab.outsider}}
bastion: {hostname: bastion, address: ${lab.bastion}, interface: ${lab.bastionInterface}}
users:
${users.map((user) => entries[user]).join("")}groups:
  gpu:
    os: ${os}
    method: golden
    restart: kexec
    roles: [${standardRoles.join(", ")}]
    kernelArguments: ["console=tty0", "console=ttyS0,115200n8"]
    disk:
      match: {serial: "lab-*-0"}
      data:
        - {match: {serial: "lab-*-1"}, mount: /srv/data, policy: scratch, filesystem: ext4}
nodes:
${nodes.join("")}`;
}
