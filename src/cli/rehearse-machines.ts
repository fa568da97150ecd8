/** A rehearsal on virtual machines: each node from power-on to its verdict, by the real server and the real network boot. */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { ClusterConfig } from "../cluster/config.ts";
import { acceptance } from "../lab/acceptance.ts";
import { labDisks } from "../lab/lab-disks.ts";
import { type LabMachine, type MachineLab, openMachineLab } from "../lab/machine-lab.ts";
import type { QemuHost } from "../lab/qemu-host.ts";
import type { NodeEvent } from "../nodes/event.ts";
import { cacheDirectory } from "../paths.ts";
import { machineCapabilities } from "../serve/serve.ts";
import type { Store } from "../store/store.ts";
import type { Report } from "../verify/report.ts";
import { runThrough } from "../verify/run-framed.ts";
import { command as arm } from "./arm.ts";
import type { CommandIo } from "./command.ts";
import { operatorClient } from "./operator-client.ts";
import {
  type Actor,
  artefactOf,
  type Fault,
  type FaultOutcome,
  outcomeOf,
  type Rehearsal,
} from "./rehearsal.ts";
import { command as watch } from "./watch.ts";

export type MachineRehearsal = {
  readonly cluster: ClusterConfig;
  readonly clusterFile: string;
  /** IMAGECTL_STATE of the bastion: keys, secrets and images; nothing is written there. */
  readonly state: string;
  readonly actors: readonly Actor[];
  readonly fault: Fault | undefined;
  readonly store: Store;
  readonly io: CommandIo;
  readonly say: (line: string) => void;
  readonly now: () => Date;
  /** Rejects when the operator has seen enough. */
  readonly interrupted: Promise<never>;
};

/** UEFI, as new machines have it. */
const firmware = "uefi-x64";
/** Longer than any emulated boot; then nothing is written any more and the rehearsal ends. */
const deadline = "1h";
/** For how long the cable stays out. Milliseconds: longer than a switch takes to start anew. */
const unpluggedMs = 60_000;
/** A fault on an emulated machine shows and is gone after a restart of a service. Seconds. */
const settleSeconds = 60;

/** @throws ImagectlError LAB_BOOT_FAILED, LAB_DISK_IMPOSSIBLE, KVM_UNUSABLE. */
export async function rehearseOnMachines(rehearsal: MachineRehearsal): Promise<readonly Rehearsal[]> {
  const { say, interrupted } = rehearsal;
  const lab = await openLab(rehearsal);
  say(`the bastion's log: ${lab.serverLog}`);
  try {
    return await Promise.race([lab.bastion.start().then(() => rehearseAll(rehearsal, lab)), interrupted]);
  } finally {
    await lab.close();
  }
}

async function openLab(rehearsal: MachineRehearsal): Promise<MachineLab> {
  const { cluster, clusterFile, state, store, io } = rehearsal;
  const first = rehearsal.actors[0] as Actor;
  const kernel = first.image.manifest.boot.find((entry) => entry.firmware === firmware)?.kernel ?? "vmlinuz";
  return openMachineLab({
    cache: cacheDirectory(io.env),
    state,
    clusterFile,
    bastion: {
      address: cluster.bastion.address,
      interface: cluster.bastion.interface,
      prefixLength: cluster.subnet.prefixLength,
    },
    node: first.node,
    machine: machineOf(first),
    kernel: store.blobPath(artefactOf(first.image, kernel).sha256),
    accelerator: io.env.IMAGECTL_ACCEL,
    logs: join(cacheDirectory(io.env), "logs/test"),
  });
}

function machineOf({ node, plan }: Actor): LabMachine {
  return {
    firmware,
    disks: labDisks(node.name, plan.node.disk, firmware),
    uefiNetworkStack: "edk2",
    otherMacs: node.nics.map(({ mac }) => mac),
  };
}

/** One machine at a time: emulated ones share the few processors that there are. */
async function rehearseAll(rehearsal: MachineRehearsal, lab: MachineLab): Promise<readonly Rehearsal[]> {
  const rehearsals: Rehearsal[] = [];
  for (const [index, actor] of rehearsal.actors.entries()) {
    const { node, plan } = actor;
    const machine = index === 0 ? lab.machine : lab.addMachine(node, machineOf(actor));
    const { report, faults } = await bootOne(rehearsal, lab, actor, machine);
    rehearsals.push({ node: node.name, group: node.group, os: plan.image.os, report, faults });
    await machine.powerOff();
  }
  return rehearsals;
}

async function bootOne(
  rehearsal: MachineRehearsal,
  lab: MachineLab,
  { node, plan }: Actor,
  machine: QemuHost,
): Promise<{ readonly report: Report; readonly faults: readonly FaultOutcome[] }> {
  const { fault, io, say } = rehearsal;
  const client = operatorClient(lab.environment);
  // What these commands print is progress here.
  const inLab: CommandIo = { ...io, stdout: io.stderr, env: { ...io.env, ...lab.environment } };
  await arm.run({ values: { deadline }, positionals: [node.name] }, inLab);
  say(`${node.name}: power on, a blank machine; its serial port: ${machine.serialLog}`);
  await machine.boot();
  // Before anybody watches: a server that is killed ends a watch.
  const isDisturbed =
    fault === undefined || fault.kind === "checks" || (await disturb(fault.kind, lab, node.name, say));
  const code = await watch.run({ values: {}, positionals: [node.name] }, inLab);
  const events = await client.get<readonly NodeEvent[]>(`/events?node=${node.name}&attempts=latest`);
  if (!events.some(({ body }) => body.kind === "verify-finished")) {
    throw machine.failure(`${node.name} did not get as far as its checks`);
  }
  const report = await client.get<Report>(`/nodes/${node.name}/report`);
  if (fault === undefined) return { report, faults: [] };
  if (fault.kind !== "checks") {
    const isProved = code === 0 && isDisturbed;
    const reason = isProved
      ? "the node got ready without a person"
      : "the node did not get ready, or before the fault";
    return { report, faults: [{ fault: fault.kind, isProved, reason }] };
  }
  const checks = plan.node.checks.filter(fault.isMeant);
  const outsider = await lab.network.addOutsider(rehearsal.cluster.outsider);
  const { proofs } = await acceptance({
    plan: { ...plan, node: { ...plan.node, checks } },
    vantages: {
      node: (script, timeoutSeconds) => machine.run(script, timeoutSeconds),
      bastion: runThrough("the bastion", [...lab.network.bastion.enter, "sh"], {
        IMAGECTL_KNOWN_HOSTS: join(lab.environment.IMAGECTL_RUN ?? "", "known_hosts"),
      }),
      outsider: runThrough("the outsider", [...outsider.enter, "sh"]),
    },
    capabilities: new Set(machineCapabilities),
    now: rehearsal.now,
    settleSeconds,
    onProgress: (line) => say(`${node.name}: ${line}`),
  });
  await outsider.close();
  return { report, faults: proofs.map(outcomeOf) };
}

/** Waits until the root is being streamed, then breaks what is asked for. @returns whether it came to that. */
async function disturb(
  fault: "network-unplugged" | "server-killed",
  lab: MachineLab,
  node: string,
  say: (line: string) => void,
): Promise<boolean> {
  const isStreaming = new RegExp(`^\\S+ +${node} +step [0-9]+/[0-9]+: stream-root`, "m");
  const isOver = new RegExp(`${node} +(attempt FAILED|NOT ready|READY)`);
  let shown = lab.bastion.log().length;
  while (!isStreaming.test(lab.bastion.log())) {
    const log = lab.bastion.log();
    if (isOver.test(log)) return false;
    if (log.length > shown) say(log.slice(shown).trim());
    shown = log.length;
    await sleep(200);
  }
  switch (fault) {
    case "network-unplugged":
      say(`${node}: its cable is pulled for ${unpluggedMs / 1000} s`);
      await lab.network.setCable(`tap-${node}`, "down");
      await sleep(unpluggedMs);
      await lab.network.setCable(`tap-${node}`, "up");
      say(`${node}: its cable is back`);
      return true;
    case "server-killed":
      say("kill -9 of the server");
      await lab.bastion.stop("SIGKILL");
      await lab.bastion.start();
      say("the server runs again");
      return true;
    default:
      return fault satisfies never;
  }
}
