/** A machine and a stub of a bastion: the deploy environment alone, without the way that leads to it. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { sha256 } from "../../src/digest.ts";
import { keyPaths } from "../../src/keys.ts";
import { chooseAccelerator } from "../../src/lab/accelerator.ts";
import { openLabNetwork } from "../../src/lab/network.ts";
import { QemuHost, type QemuHostSettings } from "../../src/lab/qemu-host.ts";
import { openScratch } from "../../src/lab/scratch.ts";
import { dyingWithUs } from "../../src/namespace.ts";
import { statePaths } from "../../src/paths.ts";
import { nodeOverlay } from "../../src/plan/fill-secrets.ts";
import type { NodePlan } from "../../src/plan/plan.ts";
import { run, type StartedProcess, start } from "../../src/run.ts";
import { openSecrets } from "../../src/secrets.ts";
import type { Firmware } from "../../src/store/manifest.ts";
import type { Vantages } from "../../src/verify/run-checks.ts";
import { runThrough } from "../../src/verify/run-framed.ts";
import { sshOptions } from "../../src/verify/ssh.ts";
import { cache, ensureImage, imageOf, logsFolder, planOf, testState } from "./image.ts";
import { type LabClusterOptions, lab, makeLabCluster, standardRoles, wholeCluster } from "./lab-cluster.ts";
import type { StubConfig, StubFault } from "./stub-bastion.ts";

type Told = { readonly at: number; readonly kind: string } & Readonly<Record<string, unknown>>;

export type DeployLab = {
  /** The machine with this firmware; each has disks of its own until they are moved. */
  machine(firmware: Firmware): QemuHost;
  /** Another `disk:` in the cluster file, from the next inventory on. */
  setDiskPolicy(disk: string): Promise<NodePlan>;
  /** Starts the deploy environment, in a new session. `added` replaces files of its initramfs. */
  boot(machine: QemuHost, added?: Readonly<Record<string, string>>): Promise<void>;
  /** Boots it, waits until all is deployed, and switches it off. @throws when a step fails. */
  deploy(machine: QemuHost, added?: Readonly<Record<string, string>>): Promise<void>;
  /** Carries the disks over: what the one wrote, the other starts from. Both are off. */
  moveDisks(from: QemuHost, to: QemuHost): Promise<void>;
  startBastion(): void;
  /** kill -9. */
  killBastion(): Promise<void>;
  setFault(fault: StubFault): void;
  /** A new session: the next boot redeems the token anew. */
  forgetSession(): void;
  events(): readonly Told[];
  untilEvent(machine: QemuHost, kind: string, timeoutSeconds: number): Promise<Told>;
  close(): Promise<void>;
};

export type DeployLabOptions = {
  /** Of every machine. */
  readonly disks: QemuHostSettings["disks"];
  /** `disk:` of the cluster file, as YAML flow. */
  readonly disk: string;
  /** Those of every lab when it is left out. */
  readonly roles?: readonly string[];
  /** That of every lab when it is left out. */
  readonly os?: LabClusterOptions["os"];
};

const token = "5eed".repeat(16);

/** How long a deploy may take, seconds: emulated, on a busy machine. */
const deploySeconds = 900;

export async function openDeployLab({
  disks,
  disk,
  roles = standardRoles,
  os = wholeCluster.os,
}: DeployLabOptions): Promise<DeployLab> {
  const folder = mkdtempSync(join(tmpdir(), "imagectl-deploy-"));
  const cluster = await makeLabCluster(join(folder, "cluster"), { ...wholeCluster, os, disk, roles });
  await ensureImage(cluster.file, os);
  const plan = await planOf(cluster.file);
  const { image, artefact } = await imageOf(plan);
  const root = image.manifest.artefacts.find(({ name }) => name === "root.tar.zst");
  const entry = image.manifest.boot[0];
  if (root === undefined || entry === undefined) throw new Error("the image has no root or no boot entry");
  const overlay = await nodeOverlay(
    plan.node,
    openSecrets(statePaths({ IMAGECTL_STATE: testState }).secrets),
  );
  writeFileSync(join(folder, "overlay.tar"), overlay);
  await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(folder, "ca")]);
  const writeConfig = (current: NodePlan): void => {
    const config: StubConfig = {
      address: lab.bastion,
      token,
      plan: current,
      rootFile: artefact("root.tar.zst").path,
      artefacts: {
        rootSha256: root.sha256,
        rootBytes: root.bytes,
        rootUnpackedBytes: image.manifest.rootBytes,
        overlaySha256: sha256(overlay),
        overlayBytes: overlay.length,
        boot: image.manifest.boot,
      },
    };
    writeFileSync(join(folder, "config.json"), JSON.stringify(config));
  };
  writeConfig(plan);

  const scratch = openScratch({ cache, pid: process.pid });
  const network = await openLabNetwork({
    bastion: lab.bastion,
    bastionInterface: lab.bastionInterface,
    prefixLength: lab.prefixLength,
    outsider: undefined,
  });
  const kernel = artefact(entry.kernel).path;
  const accelerator = await chooseAccelerator({
    wanted: process.env.IMAGECTL_ACCEL,
    kernel,
    folder: scratch.folder("accelerator"),
  });
  const machines = new Map<Firmware, QemuHost>();
  let stub: StartedProcess | undefined;

  const machine = (firmware: Firmware): QemuHost => {
    const found = machines.get(firmware);
    if (found !== undefined) return found;
    const logs = logsFolder();
    // A run before this one left its log there: what is waited for comes after what is read now.
    if (machines.size === 0) rmSync(logs, { recursive: true, force: true });
    mkdirSync(logs, { recursive: true });
    const made = new QemuHost({
      name: firmware,
      firmware,
      mac: lab.node.mac,
      disks,
      memoryMiB: 2048,
      cpus: 2,
      uefiNetworkStack: "edk2",
      accelerator,
      serialLog: join(logs, "serial.log"),
      folder: scratch.folder(firmware),
      network,
      runAt: runThrough(lab.node.name, [...network.bastion.enter, ...sshWords(folder)]),
    });
    machines.set(firmware, made);
    return made;
  };
  const events = (): readonly Told[] => readLines(join(folder, "events.jsonl")) as readonly Told[];
  const untilEvent = async (host: QemuHost, kind: string, timeoutSeconds: number): Promise<Told> => {
    for (let waited = 0; waited < timeoutSeconds; waited += 1) {
      const told = events();
      const found = told.find((event) => event.kind === kind);
      if (found !== undefined) return found;
      const failed = told.find((event) => event.kind === "step-failed");
      if (failed !== undefined) throw host.failure(`a step failed: ${JSON.stringify(failed)}`);
      await sleep(1_000);
    }
    throw host.failure(`no event ${kind} within ${timeoutSeconds} s`);
  };
  const forgetSession = (): void => {
    rmSync(join(folder, "session-key"), { force: true });
    rmSync(join(folder, "events.jsonl"), { force: true });
  };
  const boot = async (host: QemuHost, added: Readonly<Record<string, string>> = {}): Promise<void> => {
    const parts = entry.initrds.map((name) => artefact(name).path);
    if (Object.keys(added).length > 0) parts.push(await packInitramfs(join(folder, "added"), added));
    const initrd = join(folder, "initrd.img");
    writeFileSync(initrd, Buffer.concat(parts.map((path) => padded(readFileSync(path)))));
    const commandLine = [
      ...entry.commandLine.filter((word) => !word.includes("{")),
      "console=ttyS0,115200n8",
      `imagectl.seed=http://${lab.bastion}:8080/seed/${token}`,
      `imagectl.artefacts=http://${lab.bastion}:8081/artefacts`,
      `imagectl.address=${lab.node.address}/${lab.prefixLength}`,
      `imagectl.mac=${lab.node.mac}`,
    ];
    await host.boot({ kernel, initrd, commandLine });
  };
  return {
    machine,
    events,
    untilEvent,
    forgetSession,
    boot,
    setDiskPolicy: async (changed) => {
      cluster.rewrite({ ...wholeCluster, os, disk: changed, roles });
      const current = await planOf(cluster.file);
      writeConfig(current);
      return current;
    },
    deploy: async (host, added) => {
      forgetSession();
      const from = host.console().length;
      await boot(host, added);
      await untilEvent(host, "deployed", deploySeconds);
      await host.untilConsole(/restarting into the installed system/, 60, from);
      await host.powerOff();
    },
    moveDisks: async (from, to) => {
      // Its own disks come into being with its first start, as its variables do.
      if (!existsSync(join(to.disks[0]?.path ?? "", "../variables.fd"))) {
        await to.boot("disk-first");
        await to.powerOff();
      }
      for (const [index, { path }] of from.disks.entries()) renameSync(path, to.disks[index]?.path ?? "");
    },
    startBastion: () => {
      const [program, ...words] = [...dyingWithUs, ...network.bastion.enter, process.execPath];
      stub = start(program, [...words, join(import.meta.dirname, "stub-bastion.ts"), folder], {
        onLine: (line) => console.log(line),
      });
    },
    killBastion: async () => {
      stub?.stop("SIGKILL");
      await stub?.exited;
    },
    setFault: (fault) => writeFileSync(join(folder, "fault.json"), JSON.stringify(fault)),
    close: async () => {
      for (const host of machines.values()) await host.powerOff();
      stub?.stop("SIGKILL");
      await network.close();
      scratch.close();
      rmSync(folder, { recursive: true });
    },
  };
}

/** Starts what was deployed, until it asks at its console who is there. */
export async function startFromDisk(machine: QemuHost): Promise<void> {
  const from = machine.console().length;
  await machine.boot("disk-first");
  await machine.untilConsole(/node1 login:/, 700, from);
}

/** For checks that are all from the node itself: nobody else stands in this lab. */
export function nodeAlone(machine: QemuHost): Vantages {
  const nobody = () => Promise.reject(new Error("only the node is asked here"));
  return {
    node: (script, timeoutSeconds) => machine.run(script, timeoutSeconds),
    bastion: nobody,
    outsider: nobody,
  };
}

/** As the server gets in; the host CA is the stub's. */
function sshWords(folder: string): string[] {
  const knownHostsFile = join(folder, "known_hosts");
  writeFileSync(knownHostsFile, `@cert-authority * ${readFileSync(join(folder, "ca.pub"), "utf8")}`);
  const door = {
    hostname: lab.node.name,
    address: lab.node.address,
    identityFile: keyPaths(statePaths({ IMAGECTL_STATE: testState }).keys).agent.privateKey,
    knownHostsFile,
    controlDirectory: folder,
  };
  // A shared connection would outlive a power cut by half a minute. ssh takes the first value of an option.
  const unshared = ["-o", "ControlMaster=no", "-o", "ControlPath=none"];
  return ["ssh", ...unshared, ...sshOptions(door), `imagectl@${lab.node.address}`, "run"];
}

function readLines(file: string): readonly unknown[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, "utf8").split("\n");
  // The last one may be half written.
  return lines.slice(0, -1).map((line) => JSON.parse(line));
}

/** The kernel finds an archive behind another one at a multiple of four bytes. */
function padded(archive: Buffer): Buffer {
  return Buffer.concat([archive, Buffer.alloc((4 - (archive.length % 4)) % 4)]);
}

/**
 * A second archive after an initramfs: its files replace those of the same name.
 * Source: Documentation/driver-api/early-userspace/buffer-format.rst of the kernel.
 */
async function packInitramfs(folder: string, files: Readonly<Record<string, string>>): Promise<string> {
  rmSync(folder, { recursive: true, force: true });
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(folder, "root", path, ".."), { recursive: true });
    writeFileSync(join(folder, "root", path), text, { mode: 0o755 });
  }
  const archive = join(folder, "added.cpio");
  const pack = 'cd "$0/root" && find . | busybox cpio -o -H newc >"$1" 2>/dev/null';
  await run("sh", ["-c", pack, folder, archive]);
  return archive;
}
