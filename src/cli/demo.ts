/** `imagectl demo`: one blank virtual machine becomes a proven node, with everything real but the hardware. */
import { copyFileSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { ClusterConfig } from "../cluster/config.ts";
import { ImagectlError } from "../errors.ts";
import { blankDisk, type MachineLab, openMachineLab } from "../lab/machine-lab.ts";
import { cacheDirectory, packageRoot, statePaths } from "../paths.ts";
import { formatSeconds } from "../quantity.ts";
import { openStore, type Store } from "../store/store.ts";
import { command as arm } from "./arm.ts";
import { buildNeeded } from "./build.ts";
import { type Command, type CommandIo, defineCommand } from "./command.ts";
import { command as events } from "./events.ts";
import { untilInterrupted } from "./interrupt.ts";
import { planInput } from "./plan-context.ts";
import { command as recovery } from "./recovery.ts";
import { command as verify } from "./verify.ts";
import { command as watch } from "./watch.ts";

export const command = defineCommand({
  summary: "show it all: build an image, switch on a blank virtual machine, watch it become ready",
  usage: "demo",
  options: {},
  positionals: { min: 0, max: 0 },
  async run(_arguments, io) {
    requireRoot();
    const startedMs = performance.now();
    const folder = join(cacheDirectory(io.env), "demo");
    mkdirSync(folder, { recursive: true });
    const clusterFile = join(folder, "cluster.yaml");
    copyFileSync(join(packageRoot, "examples/cluster.yaml"), clusterFile);
    const env = { ...io.env, IMAGECTL_STATE: join(folder, "state"), IMAGECTL_CLUSTER: clusterFile };
    say(io, `The cluster is ${clusterFile}. First the image that its node needs:`);
    const built = await buildNeeded({ os: "debian-12" }, { ...io, env });
    if (built !== 0) return built;
    const hasPassword = await giveRecoveryPassword(folder, { ...io, env });
    if (hasPassword !== 0) return hasPassword;
    const isReady = await withLab({ ...io, env }, (lab, node) => showBoot(lab, node, { ...io, env }));
    say(io, `The demo took ${formatSeconds((performance.now() - startedMs) / 1000)}.`);
    return isReady ? 0 : 1;
  },
});

/** The sheet of a machine that is gone in a minute is thrown away with it. */
async function giveRecoveryPassword(folder: string, io: CommandIo): Promise<number> {
  const { cluster } = await planInput(undefined, io.env);
  const out = join(folder, "recovery-sheet.txt");
  rmSync(out, { force: true });
  say(io, "A password for its console, of which only the hash is kept:");
  return call(recovery, { out, rotate: true }, ["new", nodeOf(cluster).name], io);
}

function requireRoot(): void {
  if (process.getuid?.() === 0) return;
  throw new ImagectlError("ROOT_REQUIRED", "the demo needs root: it builds an image and makes networks", {
    hint: "sudo npm run demo",
  });
}

async function showBoot(lab: MachineLab, node: string, io: CommandIo): Promise<boolean> {
  const inLab: CommandIo = { ...io, env: { ...io.env, ...lab.environment } };
  say(io, `The bastion is ready; its log: ${lab.serverLog}`);
  await call(arm, {}, [node], inLab);
  say(io, `Power on: a blank machine without a system. Its serial port: ${lab.machine.serialLog}`);
  await lab.machine.boot();
  const code = await call(watch, {}, [node], inLab);
  say(io, "Where the time went:");
  await call(events, { timeline: true }, [node], inLab);
  if (code !== 0) throw lab.machine.failure(`${node} did not get ready`);
  say(io, "What was proved:");
  return (await call(verify, { last: true }, [node], inLab)) === 0;
}

/** Opens the lab and its bastion, and closes both: at the end, after a failure, and on Ctrl-C. */
async function withLab(
  io: CommandIo,
  use: (lab: MachineLab, node: string) => Promise<boolean>,
): Promise<boolean> {
  const { cluster } = await planInput(undefined, io.env);
  const lab = await openLab(cluster, io);
  const interrupt = untilInterrupted("imagectl demo");
  try {
    const story = lab.bastion.start().then(() => use(lab, nodeOf(cluster).name));
    return await Promise.race([story, interrupt.promise]);
  } finally {
    await lab.close();
    interrupt.release();
  }
}

async function openLab(cluster: ClusterConfig, io: CommandIo): Promise<MachineLab> {
  const state = io.env.IMAGECTL_STATE as string;
  const { bastion, subnet } = cluster;
  return openMachineLab({
    cache: cacheDirectory(io.env),
    state,
    clusterFile: io.env.IMAGECTL_CLUSTER as string,
    bastion: { address: bastion.address, interface: bastion.interface, prefixLength: subnet.prefixLength },
    node: nodeOf(cluster),
    machine: { firmware: "uefi-x64", disks: [blankDisk("uefi-x64")], uefiNetworkStack: "edk2" },
    kernel: await newestKernel(openStore(statePaths({ IMAGECTL_STATE: state }).store)),
    accelerator: io.env.IMAGECTL_ACCEL,
    logs: join(cacheDirectory(io.env), "demo/logs"),
  });
}

function nodeOf(cluster: ClusterConfig): ClusterConfig["nodes"][number] {
  const node = cluster.nodes[0];
  if (node !== undefined) return node;
  throw new ImagectlError("NODE_UNKNOWN", "the demo's cluster file has no node", {
    hint: "Restore it: git checkout examples/cluster.yaml",
  });
}

async function newestKernel(store: Store): Promise<string> {
  const { images } = await store.list();
  const { boot, artefacts } =
    (images.find(({ manifest }) => manifest.kind === "golden") ?? images[0])?.manifest ?? {};
  const kernel = artefacts?.find(({ name }) => name === boot?.[0]?.kernel);
  if (kernel !== undefined) return store.blobPath(kernel.sha256);
  throw new ImagectlError("IMAGE_UNKNOWN", "the store has no image that can be network-booted", {
    hint: "sudo imagectl build --os debian-12",
  });
}

function call(
  other: Command,
  values: Readonly<Record<string, string | boolean>>,
  positionals: readonly string[],
  io: CommandIo,
): Promise<number> {
  return other.run({ values, positionals }, io);
}

/** Progress: not what a pipe should get. */
function say(io: CommandIo, text: string): void {
  io.stderr.write(`\n${text}\n`);
}
