/** One bastion and blank machines on a switch: what the VM tests, the demo and the benchmark start from. */
import { appendFileSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { keyPaths } from "../keys.ts";
import { statePaths } from "../paths.ts";
import { run } from "../run.ts";
import type { Firmware } from "../store/manifest.ts";
import { runThrough } from "../verify/run-framed.ts";
import { sshOptions } from "../verify/ssh.ts";
import { chooseAccelerator } from "./accelerator.ts";
import { LabBastion } from "./lab-bastion.ts";
import { type LabNetwork, openLabNetwork } from "./network.ts";
import { QemuHost, type QemuHostSettings } from "./qemu-host.ts";
import { openScratch, type Scratch } from "./scratch.ts";

export type MachineLabSettings = {
  readonly cache: string;
  /** Holds keys, secrets and store with an image for the node; only read. Database and sockets are the lab's own. */
  readonly state: string;
  readonly clusterFile: string;
  readonly bastion: { readonly address: string; readonly interface: string; readonly prefixLength: number };
  readonly node: LabNode;
  readonly machine: LabMachine;
  /** A Linux kernel to try KVM with. */
  readonly kernel: string;
  /** The value of IMAGECTL_ACCEL. */
  readonly accelerator: string | undefined;
  /** A folder for the logs of server and machine: they stay, for whoever looks into a failure. */
  readonly logs: string;
};

export type LabNode = { readonly name: string; readonly address: string; readonly mac: string };
export type LabMachine = Pick<
  QemuHostSettings,
  "firmware" | "disks" | "uefiNetworkStack" | "clock" | "otherMacs"
>;

export type MachineLab = {
  readonly scratch: Scratch;
  readonly network: LabNetwork;
  readonly bastion: LabBastion;
  readonly machine: QemuHost;
  /** Plugs in another machine, off. Its console: `serial-NAME.log` beside the other logs. */
  addMachine(node: LabNode, machine: LabMachine): QemuHost;
  readonly serverLog: string;
  /** What commands of the operator need to find this lab's server. */
  readonly environment: Readonly<Record<string, string>>;
  close(): Promise<void>;
};

/** Enough for the deploy environment in RAM and for the installed system. MiB. */
const memoryMiB = 2048;
const cpus = 2;

/** Size of a blank disk: a root filesystem of some GB, and room. Bytes; sparse. */
export const blankDiskBytes = 12 * 1024 ** 3;

export function blankDisk(firmware: Firmware): QemuHostSettings["disks"][number] {
  return { bytes: blankDiskBytes, bus: firmware === "uefi-x64" ? "nvme" : "virtio" };
}

/** Makes everything; the server is not started and the machine is off. */
export async function openMachineLab(settings: MachineLabSettings): Promise<MachineLab> {
  const { cache, clusterFile, bastion: place } = settings;
  const scratch = openScratch({ cache, pid: process.pid });
  const state = scratch.folder("state");
  for (const name of ["keys", "secrets"]) symlinkSync(join(settings.state, name), join(state, name));
  // Hard links: what a test breaks in its store stays whole in everybody else's.
  await run("cp", ["-al", join(settings.state, "store"), state]);
  const runtime = join(scratch.runtime, "run");
  mkdirSync(runtime, { mode: 0o700 });
  const environment = { IMAGECTL_STATE: state, IMAGECTL_RUN: runtime, IMAGECTL_CLUSTER: clusterFile };
  mkdirSync(settings.logs, { recursive: true });
  const serverLog = join(settings.logs, "server.log");
  writeFileSync(serverLog, "");
  const network = await openLabNetwork({
    bastion: place.address,
    bastionInterface: place.interface,
    prefixLength: place.prefixLength,
    // The server makes the outsider itself, as it does in production.
    outsider: undefined,
  });
  try {
    const accelerator = await chooseAccelerator({
      wanted: settings.accelerator,
      kernel: settings.kernel,
      folder: scratch.folder("accelerator"),
    });
    const bastion = new LabBastion({
      place: network.bastion,
      clusterFile,
      environment,
      onLine: (line) => appendFileSync(serverLog, `${line}\n`),
    });
    const machines: QemuHost[] = [];
    const addMachine = (node: LabNode, machine: LabMachine, serialLog: string): QemuHost => {
      const host = new QemuHost({
        ...machine,
        name: node.name,
        mac: node.mac,
        memoryMiB,
        cpus,
        accelerator,
        folder: scratch.folder(node.name),
        serialLog: join(settings.logs, serialLog),
        network,
        runAt: runThrough(node.name, [...network.bastion.enter, ...sshWords(settings, node, runtime)]),
      });
      machines.push(host);
      return host;
    };
    const close = async (): Promise<void> => {
      await Promise.all(machines.map((machine) => machine.powerOff()));
      await bastion.stop();
      await network.close();
      scratch.close();
    };
    return {
      scratch,
      network,
      bastion,
      machine: addMachine(settings.node, settings.machine, "serial.log"),
      addMachine: (node, machine) => addMachine(node, machine, `serial-${node.name}.log`),
      serverLog,
      environment,
      close,
    };
  } catch (error) {
    await network.close();
    scratch.close();
    throw error;
  }
}

/** As the server itself gets in; it writes known_hosts when it starts. */
function sshWords({ state }: MachineLabSettings, node: LabNode, runtime: string): string[] {
  const door = {
    hostname: node.name,
    address: node.address,
    identityFile: keyPaths(statePaths({ IMAGECTL_STATE: state }).keys).agent.privateKey,
    knownHostsFile: join(runtime, "known_hosts"),
    controlDirectory: join(runtime, "ssh"),
  };
  // A shared connection would outlive a power cut by half a minute. ssh takes the first value of an option.
  const unshared = ["-o", "ControlMaster=no", "-o", "ControlPath=none"];
  return ["ssh", ...unshared, ...sshOptions(door), `imagectl@${node.address}`, "run"];
}
