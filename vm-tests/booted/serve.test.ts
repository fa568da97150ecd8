/** The real server proves a real system: deployed by a script, booted in namespaces, reached, checked, changed. */
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { keyPaths } from "../../src/keys.ts";
import { LabBastion } from "../../src/lab/lab-bastion.ts";
import { NamespaceHost } from "../../src/lab/namespace-host.ts";
import { type LabNetwork, openLabNetwork } from "../../src/lab/network.ts";
import { prepareRoot } from "../../src/lab/prepare-root.ts";
import { openScratch, type Scratch } from "../../src/lab/scratch.ts";
import { unpackRoot } from "../../src/lab/unpack-root.ts";
import { statePaths } from "../../src/paths.ts";
import { openSecrets } from "../../src/secrets.ts";
import type { NodeDiff, NodeView } from "../../src/serve/operator-types.ts";
import { fakeSession, plugFakeNode, seedUrlOf } from "../support/fake-node.ts";
import { cache, ensureImage, imageOf, planOf, testState } from "../support/image.ts";
import { type LabCluster, lab, makeLabCluster, standardRoles, wholeCluster } from "../support/lab-cluster.ts";

let scratch: Scratch;
let cluster: LabCluster;
let network: LabNetwork;
let bastion: LabBastion;
let host: NamespaceHost;

const name = lab.node.name;
/** The server takes the node for a machine; a namespace has no kernel of its own that could start another one. */
const servedCluster = { ...wholeCluster, roles: standardRoles.filter((role) => role !== "fast-restart") };
const scriptUrl = `http://${lab.bastion}:8080/boot/${lab.node.mac.replaceAll(":", "-")}/script.ipxe?firmware=bios-x86`;

/** The deploy environment's part, without a disk: the session from its token to `deployed`. */
async function deployByScript(): Promise<void> {
  const node = await plugFakeNode(network, lab.node);
  try {
    const session = fakeSession(node, seedUrlOf((await node.http("GET", scriptUrl)).body));
    expect((await session.ask("POST", "redeem")).status).toBe(200);
    expect((await session.ask("POST", "events", { kind: "deployed" })).status).toBe(200);
  } finally {
    await node.close();
  }
}

async function stageOfNode(): Promise<string | undefined> {
  const { stdout } = await bastion.imagectl(["nodes", "--json"]);
  return (JSON.parse(stdout) as NodeView[])[0]?.attempt?.state.stage;
}

function redChecks(report: string): string[] {
  const { results } = JSON.parse(report) as { results: { name: string; outcome: string; reason: string }[] };
  return results
    .filter(({ outcome }) => outcome === "red")
    .map((result) => `${result.name}: ${result.reason}`);
}

/**
 * The server takes the node for a machine, whose kernel has arguments of its own; a namespace sees the host's.
 * A unit of the lab gives it its own before anything looks.
 */
function giveCommandLine(root: string, kernelArguments: readonly string[]): void {
  const units = join(root, "etc/systemd/system");
  const words = ["panic=60", "fsck.repair=yes", ...kernelArguments].join(" ");
  mkdirSync(join(units, "sysinit.target.wants"), { recursive: true });
  writeFileSync(join(root, "etc/lab-command-line"), `${words}\n`);
  const unit = `[Unit]
DefaultDependencies=no
After=local-fs.target
[Service]
Type=oneshot
ExecStart=/usr/bin/mount --bind /etc/lab-command-line /proc/cmdline
`;
  writeFileSync(join(units, "lab-command-line.service"), unit);
  symlinkSync("../lab-command-line.service", join(units, "sysinit.target.wants/lab-command-line.service"));
}

beforeAll(async () => {
  scratch = openScratch({ cache, pid: process.pid });
  cluster = await makeLabCluster(scratch.folder("cluster"), servedCluster);
  await ensureImage(cluster.file, servedCluster.os);
  const state = scratch.folder("state");
  for (const part of ["keys", "secrets", "store"]) symlinkSync(join(testState, part), join(state, part));
  const runtime = join(scratch.runtime, "run");
  mkdirSync(runtime, { mode: 0o700 });
  network = await openLabNetwork({ ...lab, outsider: undefined });
  bastion = new LabBastion({
    place: network.bastion,
    clusterFile: cluster.file,
    environment: { IMAGECTL_STATE: state, IMAGECTL_RUN: runtime },
    onLine: (line) => console.log(line),
  });
  await bastion.start();
  const plan = await planOf(cluster.file);
  const root = (await imageOf(plan)).artefact("root.tar.zst");
  const lower = await unpackRoot({ archive: root.path, sha256: root.sha256, cache, now: new Date() });
  const folder = scratch.folder(name);
  const paths = statePaths({ IMAGECTL_STATE: state });
  const hostCaKey = keyPaths(paths.keys).hostCa.privateKey;
  await prepareRoot({ plan, lower, folder, hostCaKey, secrets: openSecrets(paths.secrets) });
  giveCommandLine(join(folder, "upper"), plan.node.kernelArguments);
  host = new NamespaceHost({ hostname: name, mac: lab.node.mac, id: scratch.id, lower, folder, network });
});

afterAll(async () => {
  await host?.powerOff();
  await bastion?.stop();
  await network?.close();
  scratch?.close();
});

test("a deployed node that answers is reached, proved from three sides and reported", async () => {
  await bastion.imagectl(["arm", name]);
  await deployByScript();
  expect(await stageOfNode()).toBe("deployed");
  await host.boot();
  await expect.poll(stageOfNode, { timeout: 180_000, interval: 1_000 }).toMatch(/ready|failed/);
  const { stdout } = await bastion.imagectl(["verify", name, "--last", "--json"], { okExitCodes: [0, 1] });
  expect(redChecks(stdout)).toEqual([]);
  expect(await stageOfNode()).toBe("ready");
  const watched = await bastion.imagectl(["watch", name]);
  expect(watched.stdout).toMatch(/READY: [0-9]+ checks green, 0 red/);
});

test("verify runs them again, through a crash of the server before it", async () => {
  await bastion.stop("SIGKILL");
  await bastion.start();
  const { stdout, stderr } = await bastion.imagectl(["verify", name]);
  expect(stdout).toMatch(/node1 is ready: [0-9]+ checks green, 0 red/);
  expect(stderr).toContain("green");
});

test("diff finds nothing on a node that was just deployed, and names what somebody changed there", async () => {
  const same = await bastion.imagectl(["diff", name]);
  expect(same.stdout).toBe("node1: as planned\n");
  const files = "/etc/hosts /etc/default/locale";
  await host.run(`for file in ${files}; do echo '# by hand' >>$file; done`, 10);
  const changed = await bastion.imagectl(["diff", name, "--json"], { okExitCodes: [2] });
  await host.run(`sed -i '/^# by hand$/d' ${files}`, 10);
  const { due, reinstall, drift } = JSON.parse(changed.stdout) as NodeDiff;
  expect(due).toMatchObject([
    {
      action: "modified",
      what: "/etc/hosts",
      isKeptAside: true,
      difference: expect.arrayContaining(["-# by hand"]),
    },
  ]);
  expect([reinstall, drift]).toMatchObject([[], [{ action: "modified", what: "/etc/default/locale" }]]);
});

test("a user that left the file leaves the node with apply, which --dry-run announces", async () => {
  const unchanged = await bastion.imagectl(["apply", name]);
  expect(unchanged.stdout).toContain("nothing to change");
  cluster.rewrite({ ...servedCluster, users: ["carol"] });
  const announced = await bastion.imagectl(["apply", name, "--dry-run"], { okExitCodes: [2] });
  expect(announced.stdout).toMatch(/^[MD] \S+$/m);
  expect((await host.run("id alice", 10)).exitCode).toBe(0);
  const applied = await bastion.imagectl(["apply", name]);
  expect(applied.stdout).toContain("the node layer is applied");
  expect((await host.run("getent passwd alice | grep -v nologin", 10)).stdout).toBe("");
  expect((await bastion.imagectl(["verify", name])).stdout).toContain("node1 is ready");
});

test("a node that fails its checks is failed, with the command that says which", async () => {
  await host.run("systemctl stop ufw; ufw disable; true", 60);
  const { stdout } = await bastion.imagectl(["verify", name], { okExitCodes: [1] });
  expect(stdout).toContain("node1 is NOT ready");
  const { stdout: nodes } = await bastion.imagectl(["nodes"]);
  expect(nodes).toContain("hint: See which: imagectl verify node1 --last");
});
