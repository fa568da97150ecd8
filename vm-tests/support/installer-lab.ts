/** Level 4 for a system's own installer: a blank machine, a proxy to packages at its bastion, and its way by stages. */
import { expect } from "vitest";
import { openScratch } from "../../src/lab/scratch.ts";
import type { Namespace } from "../../src/namespace.ts";
import { cache } from "./image.ts";
import { computingRoles, type LabClusterOptions, lab } from "./lab-cluster.ts";
import type { PackageProxy, PackageProxySettings } from "./package-proxy.ts";
import { followStages, type Moment, showStages, stopwatch } from "./stages.ts";
import { allGreen, untilReady } from "./until-ready.ts";
import { openVmLab, type VmLab, type VmLabOptions } from "./vm-lab.ts";

export type InstallerLab = VmLab & {
  /**
   * Arms the machine, switches it on, and waits until it is ready with every check green.
   * @returns when it came to each stage; they are shown as well.
   */
  bringUp(title: string, limit: { readonly minutes: number }): Promise<ReadonlyMap<string, Moment>>;
};

export type InstallerLabOptions = {
  readonly os: LabClusterOptions["os"];
  readonly kernelArguments?: readonly string[];
  /** @param folder an empty one. */
  readonly bringImage: (folder: string, clusterFile: string) => Promise<void>;
  readonly openProxy: (place: Namespace, settings: PackageProxySettings) => Promise<PackageProxy>;
};

const port = 8090;

export async function openInstallerLab(options: InstallerLabOptions): Promise<InstallerLab> {
  const { os, kernelArguments = [], bringImage, openProxy } = options;
  const scratch = openScratch({ cache, pid: process.pid });
  const vm = await openVmLab({
    firmware: "uefi-x64",
    os,
    kernel: "installer-vmlinuz",
    bringImage: (clusterFile) => bringImage(scratch.folder("image"), clusterFile),
    cluster: {
      roles: computingRoles,
      installer: `{proxy: "http://${lab.bastion}:${port}"}`,
      kernelArguments,
    },
  } satisfies VmLabOptions);
  const settings = { address: lab.bastion, port, scratch: scratch.folder("proxy") };
  const proxy = await openProxy(vm.network.bastion, settings);
  await vm.bastion.start();
  const node = lab.node.name;
  return {
    ...vm,
    bringUp: async (title, limit) => {
      await vm.bastion.imagectl(["arm", node, "--deadline", "3h"]);
      await vm.machine.boot();
      const [report, stages] = await Promise.all([untilReady(vm, limit), followStages(vm, stopwatch(vm))]);
      expect(report).toMatch(allGreen);
      console.log(showStages(title, stages));
      return stages;
    },
    close: async () => {
      await proxy.close();
      await vm.close();
      scratch.close();
    },
  };
}

/** Looks over the installed system for what an installer was given. The hash for the console is the node layer's. */
export async function expectNothingLeft({ machine }: VmLab): Promise<void> {
  const find = `
    grep -rlE '[$](y|6)[$]' /etc /var /root 2>/dev/null | grep -vxE '/etc/(shadow-*|imagectl/recovery)'
    grep -rlE 'seed/[0-9a-f]{64}' /etc /var /root /boot 2>/dev/null
    ls /var/lib/cloud/seed /etc/cloud/cloud.cfg.d/99-installer.cfg /etc/netplan/*.yaml 2>/dev/null
    true`;
  expect(await machine.run(find, 300)).toMatchObject({ exitCode: 0, stdout: "" });
}
