import { expect, test } from "vitest";
import { parseCluster, requireCluster } from "../cluster/parse.ts";
import { type Attempt, openAttempts } from "../nodes/attempts.ts";
import { openDatabase } from "../nodes/database.ts";
import { openSeeds } from "../nodes/seeds.ts";
import { type PlanInput, planNode } from "../plan/make.ts";
import type { NodePart } from "../plan/plan.ts";
import type { Role } from "../roles/role.ts";
import { noSecrets } from "../secrets.ts";
import { unpackTar } from "../tar.ts";
import type { Report } from "../verify/report.ts";
import type { SshDoor } from "../verify/ssh.ts";
import type { ClusterSource } from "./cluster-source.ts";
import { openOperator } from "./operator.ts";
import type { Supervisor } from "./supervise.ts";

const now = new Date("2026-05-04T10:00:00Z");
const text = `cluster: lab
network: {subnet: 10.77.0.0/24, domain: cluster, dns: [], outsider: 10.77.0.250}
bastion: {hostname: bastion, address: 10.77.0.1, interface: eth1}
users: {}
groups:
  gpu: {os: os-1, method: golden, roles: [greeting], disk: {match: {}}}
nodes:
  node1: {mac: "52:54:00:77:00:11", address: 10.77.0.11, group: gpu}
  node2: {mac: "52:54:00:77:00:12", address: 10.77.0.12, group: gpu}
`;

/** A role whose file is in the node layer, since it names the node, and whose packages are in the image. */
function inputOf(greeting: string, packages: readonly string[]): PlanInput {
  const role: Role = {
    name: "greeting",
    source: "roles/greeting",
    summary: "greets",
    places: {},
    params: {},
    systems: [],
    needs: [],
    components: [],
    buildPackages: [],
    archives: [],
    secrets: [],
    packages,
    services: [],
    firewall: [],
    scrapes: [],
    alerts: [],
    files: [
      {
        path: "/etc/motd",
        mode: 0o644,
        owner: "root",
        group: "root",
        content: `${greeting} {{node.hostname}}\n`,
        isTemplate: true,
        source: "roles/greeting/files/etc/motd.hbs",
      },
    ],
    commands: [],
    validators: [],
    checks: [],
  };
  return {
    cluster: requireCluster(parseCluster(text, "cluster.yaml"), "cluster.yaml"),
    roles: { names: ["greeting"], findings: [], role: () => role },
    trust: { agentKey: "ssh-ed25519 A", hostCaKey: "ssh-ed25519 B" },
    operatingSystems: ["os-1"],
    makeSeed: () => ({ files: [], findings: [] }),
  };
}

function open(initial: PlanInput) {
  const database = openDatabase(":memory:");
  const attempts = openAttempts(database);
  const revoked: (readonly string[])[] = [];
  const sent: { door: SshDoor; overlay: Uint8Array; isDryRun: boolean }[] = [];
  const proved: string[] = [];
  const certified: string[] = [];
  const seeds = openSeeds(database, attempts);
  let input = initial;
  const said = { exitCode: 0, lines: ["~ /etc/motd"] as readonly string[] };
  const operator = openOperator({
    source: { path: "cluster.yaml", current: () => input, fresh: async () => input } as ClusterSource,
    attempts,
    secrets: noSecrets,
    arming: {
      findImage: async () => undefined,
      findAnyImage: async () => undefined,
      loadManifest: async () => undefined as never,
    },
    restarter: { whyUnreachable: async () => "it is off", restart: async () => ({ by: "reboot" }) },
    seeds,
    doors: {
      knownHostsFile: "/run/known_hosts",
      refresh: async () => void revoked.push(seeds.revokedHostKeys()),
    },
    renewCertificate: async ({ hostname }) => certified.push(hostname) > 0,
    doorOf: ({ hostname, address }) => ({ hostname, address }) as unknown as SshDoor,
    sendOverlay: async (door, overlay, { isDryRun, onLine }) => {
      sent.push({ door, overlay, isDryRun });
      for (const line of said.lines) onLine(line);
      return said.exitCode;
    },
    supervisor: {
      verify: async (attempt: Attempt, node: NodePart) => {
        proved.push(`${attempt.id} ${node.hostname}`);
        return { node: node.hostname, isReady: true } as Report;
      },
    } as unknown as Supervisor,
    now: () => now,
  });
  const deadline = new Date(now.getTime() + 3_600_000);
  const arm = (name: string): number =>
    attempts.arm({ plan: planNode(input, name), imageId: "i", revision: "r", now, deadline }).id;
  const edit = (next: PlanInput): void => {
    input = next;
  };
  const answer = (exitCode: number, lines: readonly string[]): void => {
    Object.assign(said, { exitCode, lines });
  };
  return { operator, attempts, sent, proved, certified, revoked, arm, edit, answer };
}

test("apply sends the node layer of the file as it is now", async () => {
  const { operator, attempts, sent, arm, edit } = open(inputOf("hello", []));
  attempts.append(arm("node1"), { kind: "deployed" }, now);
  edit(inputOf("good morning", []));
  const lines: string[] = [];
  const answer = await operator.apply("node1", true, (line) => lines.push(line));
  expect(answer).toEqual({ exitCode: 0, isReinstallNeeded: false });
  expect(lines).toEqual(["~ /etc/motd"]);
  expect(sent[0]).toMatchObject({ door: { hostname: "node1", address: "10.77.0.11" }, isDryRun: true });
  const entries = await unpackTar(sent[0]?.overlay ?? new Uint8Array());
  const content = (path: string) =>
    entries.filter((entry) => entry.path === path).map((entry) => Buffer.from(entry.content).toString());
  expect(content("root/etc/motd")).toEqual(["good morning node1\n"]);
  expect(content("imagectl/layer")).toEqual(["node\n"]);
});

test("apply sees to the host certificate first, a dry run does not", async () => {
  const { operator, attempts, certified, arm } = open(inputOf("hello", []));
  attempts.append(arm("node1"), { kind: "deployed" }, now);
  const lines: string[] = [];
  await operator.apply("node1", true, () => {});
  expect(certified).toEqual([]);
  await operator.apply("node1", false, (line) => lines.push(line));
  expect(certified).toEqual(["node1"]);
  expect(lines[0]).toBe("its host key is certified anew");
});

test("a changed image layer cannot be applied: the answer says that it takes a reinstall", async () => {
  const { operator, attempts, arm, edit } = open(inputOf("hello", []));
  attempts.append(arm("node1"), { kind: "deployed" }, now);
  edit(inputOf("hello", ["htop"]));
  expect(await operator.apply("node1", false, () => {})).toMatchObject({ isReinstallNeeded: true });
});

test("diff tries the wanted node layer and the installed image layer, and changes nothing", async () => {
  const { operator, attempts, sent, arm, edit, answer } = open(inputOf("hello", []));
  attempts.append(arm("node1"), { kind: "deployed" }, now);
  expect(await operator.diff("node1")).toEqual({ node: "node1", due: [], reinstall: [], drift: [] });
  expect(sent.map(({ isDryRun }) => isDryRun)).toEqual([true, true]);
  const layers = sent.map(async ({ overlay }) =>
    (await unpackTar(overlay)).find(({ path }) => path === "imagectl/layer"),
  );
  const names = (await Promise.all(layers)).map((entry) => Buffer.from(entry?.content ?? "").toString());
  expect(names).toEqual(["node\n", "image\n"]);

  edit(inputOf("good morning", ["htop"]));
  answer(3, ["K /etc/motd was changed here; its text is kept as x", "M /etc/motd", "    -mine"]);
  expect(await operator.diff("node1")).toMatchObject({
    due: [
      { action: "modified", what: "/etc/motd", role: "greeting", isKeptAside: true, difference: ["-mine"] },
    ],
    reinstall: [{ action: "added", what: "the package htop" }],
  });
});

test("a dry run that failed is an error with what the node said, not a difference", async () => {
  const { operator, attempts, arm, answer } = open(inputOf("hello", []));
  attempts.append(arm("node1"), { kind: "deployed" }, now);
  answer(1, ["failed: /etc/motd is a folder and must become a file"]);
  await expect(operator.diff("node1")).rejects.toThrow(/exit code 1\nfailed: \/etc\/motd is a folder/);
});

test("a node that is not installed is neither applied to nor proved, and the refusal says what it is", async () => {
  const { operator, attempts, sent, proved, arm } = open(inputOf("hello", []));
  await expect(operator.apply("node1", false, () => {})).rejects.toThrow("node1 was never armed");
  const id = arm("node1");
  await expect(operator.apply("node1", false, () => {})).rejects.toMatchObject({
    code: "NODE_NOT_DEPLOYED",
    hint: "Follow it with: imagectl watch node1",
  });
  attempts.append(id, { kind: "disarmed" }, now);
  await expect(operator.verify("node1", () => {})).rejects.toMatchObject({
    hint: "Install it: imagectl arm node1",
  });
  expect([sent, proved]).toEqual([[], []]);
});

test("verify proves the node against the file as it is now", async () => {
  const { operator, attempts, proved, arm } = open(inputOf("hello", []));
  const id = arm("node2");
  attempts.append(id, { kind: "deployed" }, now);
  await expect(operator.verify("node2", () => {})).resolves.toMatchObject({ isReady: true });
  expect(proved).toEqual([`${id} node2`]);
});

test("disarming several nodes is all or nothing", () => {
  const { operator, attempts, arm } = open(inputOf("hello", []));
  arm("node1");
  expect(() => operator.disarm(["node1", "node2"])).toThrow("node2 has no live attempt");
  expect(attempts.latest("node1")?.state.isLive).toBe(true);
  expect(operator.disarm(["node1", "node1"]).map(({ node }) => node)).toEqual(["node1"]);
});

test("a retired node is neither applied to nor needs its image, and known_hosts is written anew", async () => {
  const { operator, attempts, revoked, arm } = open(inputOf("hello", []));
  attempts.append(arm("node1"), { kind: "deployed" }, now);
  expect(operator.neededImages().map(({ node, reason }) => [node, reason])).toEqual([
    ["node1", "installed"],
    ["node1", "live"],
  ]);
  expect(await operator.retire("node1")).toMatchObject({ node: "node1", wasLive: true, hostKeys: [] });
  expect(revoked).toEqual([[]]);
  expect(operator.neededImages()).toEqual([]);
  await expect(operator.apply("node1", true, () => {})).rejects.toThrow("its last attempt: retired");
});

test("the list has the nodes of the file, and those that only the database knows", () => {
  const { operator, arm, edit } = open(inputOf("hello", []));
  arm("node2");
  const without = inputOf("hello", []);
  edit({ ...without, cluster: { ...without.cluster, nodes: without.cluster.nodes.slice(0, 1) } });
  expect(operator.nodes().map(({ node, group, attempt }) => [node, group, attempt?.state.stage])).toEqual([
    ["node1", "gpu", undefined],
    ["node2", undefined, "armed"],
  ]);
});
