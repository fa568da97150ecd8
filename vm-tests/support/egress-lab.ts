/** Level 3: node1, its bastion with the ways out, and what is outside. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BootedNode } from "../../src/lab/booted-nodes.ts";
import type { CommandAnswer } from "../../src/verify/report.ts";
import { onMachine } from "./booted-lab.ts";
import { archiveName, makeDebianArchive, ubuntuLists } from "./debian-archive.ts";
import { planOf } from "./image.ts";
import { type Internet, internetAddress, openInternet } from "./internet.ts";
import { type LabClusterOptions, lab, minimalRoles, type TestSystem, wholeCluster } from "./lab-cluster.ts";
import { openTwoMachines, type TwoMachines } from "./two-machines.ts";

export type EgressLab = TwoMachines & {
  readonly internet: Internet;
  /** ssh from the bastion as a user; any exit code is an answer. */
  ssh(user: "alice" | "carol", command: string): Promise<CommandAnswer>;
  /** Both machines as another cluster file would have them, in these files of theirs and their checks. */
  change(options: Partial<LabClusterOptions>, files: EgressFiles): Promise<TwoMachines>;
};

export type EgressFiles = { readonly node: readonly string[]; readonly bastion: readonly string[] };

/** Names in the stand-in for the internet: one that the bastion lets through, and one that it does not. */
export const allowedName = "pypi.example";
export const otherName = "elsewhere.example";
export const page = "what people came for\n";

export const packageProxy = `http://${lab.bastion}:3142`;
export const wayOut = `http://${lab.bastion}:3128`;

export async function openEgressLab(os: TestSystem): Promise<EgressLab> {
  const options: LabClusterOptions = {
    ...wholeCluster,
    os,
    roles: [...minimalRoles, "network", "upgrades", "egress"],
    params: `{upgrades: {proxy: "${packageProxy}"}, egress: {proxy: true}}`,
    bastionRoles: [...minimalRoles, "package-cache", "egress-proxy"],
    bastionParams: `egress-proxy: {allow: [${allowedName}]}`,
  };
  const machines = await openTwoMachines({
    cluster: options,
    bastionPackages: [
      { name: "apt-cacher-ng", unit: "apt-cacher-ng.service" },
      { name: "squid", unit: "squid.service" },
    ],
  });
  const { cluster, node, bastion, network } = machines;
  const folder = mkdtempSync(join(tmpdir(), "imagectl-archive-"));
  const pages = await makeDebianArchive(folder).finally(() => rmSync(folder, { recursive: true }));
  for (const name of [allowedName, otherName]) pages.set(`${name}/`, page);
  const internet = await openInternet(network.bastion, lab.bastionInterface, pages);
  const ubuntuNames = ubuntuLists.map((list) => list.slice(0, list.indexOf("/")));
  const names = [archiveName, ...ubuntuNames, allowedName, otherName];
  await onMachine(
    bastion,
    `ip route replace ${internetAddress}/32 dev eth0
    echo ${internetAddress} ${names.join(" ")} >>/etc/hosts
    systemctl restart squid.service`,
  );
  for (const [user, key] of Object.entries(cluster.userKeys)) {
    await onMachine(bastion, `umask 077; cat >/root/${user} <<'KEY'\n${readFileSync(key, "utf8")}KEY\n`);
  }
  return {
    ...machines,
    internet,
    ssh: (user, command) =>
      bastion.host.run(
        `ssh -F /dev/null -i /root/${user} -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null ${user}@${lab.node.address} '${command}'`,
        60,
      ),
    change: async (changed, files) => {
      cluster.rewrite({ ...options, ...changed });
      return {
        ...machines,
        node: await withFiles(cluster.file, node, files.node),
        bastion: await withFiles(cluster.file, bastion, files.bastion),
      };
    },
    close: async () => {
      await internet.close();
      await machines.close();
    },
  };
}

/** @returns the machine with its plan as the cluster file is now; these files of the plan are put in place. */
async function withFiles(
  clusterFile: string,
  machine: BootedNode,
  paths: readonly string[],
): Promise<BootedNode> {
  const plan = await planOf(clusterFile, machine.plan.node.hostname);
  const files = [...plan.image.files, ...plan.node.files];
  for (const path of paths) {
    const file = files.find((each) => each.path === path);
    if (file === undefined) throw new Error(`the plan of ${plan.node.hostname} has no ${path}`);
    await onMachine(machine, `cat >${path} <<'FILE'\n${file.content}FILE\n`);
  }
  return { ...machine, plan };
}
