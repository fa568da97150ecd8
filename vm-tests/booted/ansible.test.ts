/** A machine that imagectl did not install becomes a node by Debian's own Ansible, called on the bastion. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { packageRoot } from "../../src/paths.ts";
import { anyExitCode, type RunResult, run } from "../../src/run.ts";
import { runChecks } from "../../src/verify/run-checks.ts";
import { type BootedLab, onMachine, openBootedLab } from "../support/booted-lab.ts";
import { imagectl, testState } from "../support/image.ts";
import { lab, wholeCluster } from "../support/lab-cluster.ts";

const folder = mkdtempSync(join(tmpdir(), "imagectl-ansible-"));
const exported = join(folder, "export");

let booted: BootedLab;
beforeAll(async () => {
  booted = await openBootedLab();
  await takeApart();
  await onBastion(imagectl, "export", "ansible", "--out", exported, "--cluster", booted.cluster.file);
});
afterAll(async () => {
  await booted?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** The node without all that imagectl brought but its packages, and with somebody's ways in: as from a stick. */
const takeApart = () =>
  onMachine(
    booted,
    `
    ufw disable
    rm -f /usr/share/pam-configs/imagectl-*; pam-auth-update --package
    sed -n 's/^{"path":"\\([^"]*\\)".*/\\1/p' /var/lib/imagectl/applied-*.json | xargs rm -f
    rm -rf /var/lib/imagectl/* /etc/ssh/*cert.pub /etc/ssh/authorized_keys.d
    printf '%s\\n' '[Match]' Name=eth0 '[Network]' Address=${lab.node.address}/24 >/etc/systemd/network/05-by-hand.network
    printf '%s\\n' 'UsePAM yes' 'Subsystem sftp /usr/lib/openssh/sftp-server' >/etc/ssh/sshd_config
    printf '%s\\n' 'root ALL=(ALL:ALL) ALL' '@includedir /etc/sudoers.d' >/etc/sudoers
    for name in alice carol recovery imagectl; do userdel -f $name; done
    useradd -m -s /bin/bash debian
    echo 'debian ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/debian; chmod 0440 /etc/sudoers /etc/sudoers.d/debian
    install -d -m 0700 -o debian ~debian/.ssh
    echo '${readFileSync(`${booted.cluster.userKeys.carol}.pub`, "utf8").trim()}' >~debian/.ssh/authorized_keys
    systemctl daemon-reload
    systemctl restart ssh.service systemd-networkd.service`,
  );

async function onBastion(...words: readonly string[]): Promise<RunResult> {
  return run(booted.network.bastion.enter[0], [...booted.network.bastion.enter.slice(1), ...words], {
    cwd: folder,
    env: {
      IMAGECTL_STATE: testState,
      HOME: folder,
      ANSIBLE_CONFIG: join(exported, "ansible.cfg"),
      ANSIBLE_SSH_COMMON_ARGS: `-F /dev/null -o StrictHostKeyChecking=accept-new -o UserKnownHostsFile=${folder}/known_hosts`,
      ANSIBLE_NOCOLOR: "1",
    },
    okExitCodes: anyExitCode,
    timeoutMs: 300_000,
  });
}

async function playbook(
  ...words: readonly string[]
): Promise<{ readonly said: string; readonly recap: string }> {
  const key = ["--private-key", booted.cluster.userKeys.carol];
  const ours = ["--extra-vars", `imagectl=${packageRoot}/bin/imagectl`];
  const { stdout, stderr } = await onBastion(
    ...["ansible-playbook", join(exported, "site.yaml"), "--limit", lab.node.name, ...key, ...ours, ...words],
  );
  const said = stdout + stderr;
  return { said, recap: said.replace(/^.*PLAY RECAP/s, "").replaceAll(/ +/g, " ") };
}

const asStranger = ["--extra-vars", "login=debian", "--extra-vars", "next_login=carol"];
const asCarol = ["--extra-vars", "login=carol"];
/** What vouches for the host key may come at any time, and accounts that were made stay: sshd as it was does not read their keys. */
const state = () =>
  onMachine(
    booted,
    `
    find /etc /usr/lib/imagectl /var/lib/imagectl -type f ! -name '*-cert.pub' ! -name lock |
      grep -Ev '^/etc/((passwd|shadow|group|gshadow|subuid|subgid)-?|ssh/authorized_keys[.]d/.*)$' | sort | xargs sha256sum
    ls /run | grep imagectl || :`,
  );

test("the inventory program answers what Ansible reads from the exported files", async () => {
  const program = join(packageRoot, "templates/ansible/inventory.sh");
  const list = async (source: string) => {
    const { exitCode, stdout, stderr } = await onBastion(
      ...["env", `IMAGECTL_CLUSTER=${booted.cluster.file}`, `PATH=${packageRoot}/bin:${process.env.PATH}`],
      ...["ansible-inventory", "-i", source, "--list"],
    );
    expect(exitCode, stderr).toBe(0);
    return JSON.parse(stdout);
  };
  const answered = await list(program);
  expect(answered._meta.hostvars.node1).toMatchObject({
    ansible_host: lab.node.address,
    imagectl_os: "debian-12",
  });
  const filed = await list(join(exported, "hosts.json"));
  expect(filed.imagectl_nodes).toEqual(answered.imagectl_nodes);
  expect(filed.gpu).toEqual(answered.gpu);
});

test("a check says what would change, and changes nothing", async () => {
  const before = await state();
  const { said, recap } = await playbook(...asStranger, "--check");
  expect(recap, said).toMatch(/node1 : ok=\d+ changed=[12] unreachable=0 failed=0/);
  expect(await state()).toBe(before);
});

test("a login that does not get in afterwards has everything undone", async () => {
  const before = await state();
  const { said } = await playbook(
    ...[
      "--extra-vars",
      "login=debian",
      "--extra-vars",
      "next_login=nobody",
      "--extra-vars",
      "confirm_seconds=10",
    ],
  );
  expect(said).toContain("UNREACHABLE!");
  await expect.poll(state, { timeout: 60_000, interval: 1_000 }).toBe(before);
  expect((await booted.sshAs("carol", booted.cluster.userKeys.carol, ["true"])).exitCode).toBe(255);
});

test("it makes the machine a node: every check is green from three sides, and strangers are out", async () => {
  const { said, recap } = await playbook(...asStranger);
  expect(recap, said).toMatch(/unreachable=0 failed=0/);
  const plan = await booted.plan();
  const report = await runChecks({
    node: lab.node.name,
    checks: plan.node.checks,
    vantages: { ...booted.vantages, node: booted.agent },
    capabilities: new Set(),
    now: () => new Date(),
    onResult: () => {},
  });
  const red = report.results.filter(({ outcome }) => outcome === "red");
  expect(red.map(({ check, reason }) => `${check.role}: ${check.name}: ${reason}`)).toEqual([]);
  const { carol } = booted.cluster.userKeys;
  expect((await booted.sshAs("debian", carol, ["true"])).exitCode).toBe(255);
});

test("a second run changes nothing", async () => {
  const before = await state();
  const { said, recap } = await playbook(...asCarol);
  expect(recap, said).toMatch(/node1 : ok=\d+ changed=0 unreachable=0 failed=0/);
  expect(await state()).toBe(before);
});

test("a change of the cluster file is one change more", async () => {
  booted.cluster.rewrite({ ...wholeCluster, users: ["carol"] });
  await onBastion(imagectl, "export", "ansible", "--out", exported, "--cluster", booted.cluster.file);
  const { said, recap } = await playbook(...asCarol);
  expect(recap, said).toMatch(/node1 : ok=\d+ changed=[1-9]\d* unreachable=0 failed=0/);
  expect(await onMachine(booted, "ls /etc/ssh/authorized_keys.d")).toBe("carol\nimagectl");
});

test("what the network installed, and another system, it does not touch", async () => {
  await onMachine(booted, "touch /var/lib/imagectl/applied-image.json");
  expect((await playbook(...asCarol)).said).toContain("sudo imagectl apply node1");
  await onMachine(booted, "rm /var/lib/imagectl/applied-image.json; sed -i.kept s/12/11/ /etc/os-release");
  expect((await playbook(...asCarol)).said).toContain("imagectl set-os node1 debian-11");
  await onMachine(booted, "cat /etc/os-release.kept >/etc/os-release; rm /etc/os-release.kept");
});
