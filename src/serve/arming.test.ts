import { expect, test } from "vitest";
import type { Group } from "../cluster/config.ts";
import { parseCluster, requireCluster } from "../cluster/parse.ts";
import { ImagectlError } from "../errors.ts";
import { openAttempts } from "../nodes/attempts.ts";
import { openDatabase } from "../nodes/database.ts";
import type { PlanInput } from "../plan/make.ts";
import type { Role } from "../roles/role.ts";
import { Secret } from "../secret.ts";
import { noSecrets } from "../secrets.ts";
import type { Image } from "../store/manifest.ts";
import { type ArmingDependencies, armNodes, prepareNodes } from "./arming.ts";

const now = new Date("2026-05-04T10:00:00Z");

const text = `cluster: lab
network: {subnet: 10.77.0.0/24, domain: cluster, dns: [], outsider: 10.77.0.250}
bastion: {hostname: bastion, address: 10.77.0.1, interface: eth1}
users: {}
groups:
  gpu: {os: os-1, method: golden, roles: [], disk: {match: {}}}
nodes:
  node1: {mac: "52:54:00:77:00:11", address: 10.77.0.11, group: gpu}
  node2: {mac: "52:54:00:77:00:12", address: 10.77.0.12, group: gpu}
`;
const cluster = requireCluster(parseCluster(text, "cluster.yaml"), "cluster.yaml");
const input: PlanInput = {
  cluster,
  roles: { names: [], findings: [], role: () => undefined },
  trust: { agentKey: "ssh-ed25519 A", hostCaKey: "ssh-ed25519 B" },
  operatingSystems: ["os-1"],
  makeSeed: () => undefined as never,
};

function withGroup(change: Partial<Group>): PlanInput {
  return {
    ...input,
    cluster: { ...cluster, groups: cluster.groups.map((group) => ({ ...group, ...change })) },
  };
}

const image = {
  id: "1".repeat(64),
  manifest: { os: "os-1", createdAt: "2026-05-01T00:00:00Z", boot: [] },
} as unknown as Image;

const emptyRole: Role = {
  name: "vault",
  source: "roles/vault",
  summary: "keeps",
  places: {},
  params: {},
  systems: [],
  needs: [],
  components: [],
  buildPackages: [],
  archives: [],
  secrets: [],
  packages: [],
  services: [],
  firewall: [],
  scrapes: [],
  alerts: [],
  files: [],
  commands: [],
  validators: [],
  checks: [],
};

type World = { readonly images?: readonly Image[]; readonly secrets?: ArmingDependencies["secrets"] };

function open({ images = [image], secrets = noSecrets }: World = {}) {
  const attempts = openAttempts(openDatabase(":memory:"));
  const dependencies: ArmingDependencies = {
    attempts,
    findImage: async () => images[0],
    findAnyImage: async () => images[0],
    loadManifest: async () => image,
    secrets,
    now: () => now,
  };
  const arm = (from: PlanInput, nodes: readonly string[]) =>
    armNodes(dependencies, from, "abc1234", { nodes, deadlineSeconds: 3_600 });
  return { attempts, arm };
}

test("an attempt freezes plan, image, revision and deadline", async () => {
  const { attempts, arm } = open();
  const [answer] = await arm(input, ["node1"]);
  expect(answer).toMatchObject({
    node: "node1",
    isNew: true,
    image: { id: image.id, os: "os-1", createdAt: "2026-05-01T00:00:00Z" },
    attempt: { imageId: image.id, revision: "abc1234", address: "10.77.0.11" },
  });
  expect(answer?.attempt.state.deadline).toBe("2026-05-04T11:00:00.000Z");
  expect(attempts.frozenPlan(answer?.attempt.id ?? 0).node.hostname).toBe("node1");
});

test("several are armed at once, and those that were armed already are shown", async () => {
  const { arm } = open();
  await arm(input, ["node2"]);
  const answers = await arm(input, ["node1", "node2", "node1"]);
  expect(answers.map(({ node, isNew }) => [node, isNew])).toEqual([
    ["node1", true],
    ["node2", false],
  ]);
});

/** What a refusal says of each node; nothing may be armed after it. */
async function refusalOf(arming: Promise<unknown>): Promise<ImagectlError> {
  const refusal = await arming.catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(ImagectlError);
  return refusal as ImagectlError;
}

test("without an image nothing is armed, and the command that builds it is named for each node", async () => {
  const { attempts, arm } = open({ images: [] });
  const { code, findings } = await refusalOf(arm(input, ["node1", "node2"]));
  expect(code).toBe("ARM_REFUSED");
  expect(findings.map(({ where, hint }) => [where, hint])).toEqual([
    ["node1", "Build it: sudo imagectl build --os os-1"],
    ["node2", "Build it: sudo imagectl build --os os-1"],
  ]);
  expect(attempts.latestOfAll()).toEqual([]);
});

test("a node that the network does not install is refused with its method", async () => {
  const { attempts, arm } = open();
  const { findings } = await refusalOf(arm(withGroup({ method: "none" }), ["node1"]));
  expect(findings[0]?.message).toContain("its group's method is none");
  expect(attempts.latestOfAll()).toEqual([]);
});

test("an installer's node is armed with its system's installer, and told how to get it", async () => {
  const installed = withGroup({ method: "installer" });
  const [answer] = await open().arm(installed, ["node1"]);
  expect(answer).toMatchObject({ node: "node1", isNew: true, image: { id: image.id } });
  const { findings } = await refusalOf(open({ images: [] }).arm(installed, ["node1"]));
  expect(findings[0]).toMatchObject({
    message: "there is no installer of its system (os-1)",
    hint: "Build it: sudo imagectl build --os os-1 --method installer",
  });
});

test("a rescue never starts an installer, but any deploy environment that there is", async () => {
  const asked: string[] = [];
  const { ready } = await prepareNodes(
    {
      findImage: async ({ node }) => void asked.push(node.hostname) as never,
      findAnyImage: async () => image,
      loadManifest: async () => image,
      secrets: noSecrets,
      now: () => now,
    },
    withGroup({ method: "installer" }),
    ["node1"],
    "rescue",
  );
  expect(ready.map(({ node }) => node)).toEqual(["node1"]);
  expect(asked).toEqual([]);
});

test("a clock that is years behind the image is refused with both dates", async () => {
  const late = { ...image, manifest: { ...image.manifest, createdAt: "2029-05-01T00:00:00Z" } };
  const { attempts, arm } = open({ images: [late] });
  const { findings } = await refusalOf(arm(input, ["node1"]));
  expect(findings[0]?.message).toContain("says 2026-05-04T");
  expect(findings[0]?.message).toContain("built on 2029-05-01");
  expect(findings[0]?.hint).toContain("timedatectl");
  expect(attempts.latestOfAll()).toEqual([]);
});

test("a kernel argument that iPXE would interpret is refused before the node is at its console", async () => {
  const { attempts, arm } = open();
  const { findings } = await refusalOf(arm(withGroup({ kernelArguments: ["#no"] }), ["node1"]));
  expect(findings[0]?.message).toContain("starts a comment in iPXE");
  expect(attempts.latestOfAll()).toEqual([]);
});

test("an unknown node is refused with the nearest name, and the known one beside it is not armed", async () => {
  const { attempts, arm } = open();
  await expect(arm(input, ["node1", "node11"])).rejects.toMatchObject({
    code: "NODE_UNKNOWN",
    hint: expect.stringContaining("node1"),
  });
  expect(attempts.latestOfAll()).toEqual([]);
});

test("a node whose files need a secret that is not there is not armed; nothing of a value is kept when it is", async () => {
  const role = {
    ...emptyRole,
    secrets: [{ name: "token", scope: "node", description: "d", make: "make-token {{node.hostname}}" }],
    files: [
      {
        path: "/etc/token",
        mode: 0o600,
        owner: "root",
        group: "root",
        content: "{{secrets.token}}\n",
        isTemplate: true,
        source: "roles/vault/files/etc/token.hbs",
      },
    ],
  } satisfies Role;
  const keeper: PlanInput = {
    ...withGroup({ roles: ["vault"] }),
    roles: { names: ["vault"], findings: [], role: () => role },
    makeSeed: () => ({ files: [], findings: [] }),
  };
  const refused = await open()
    .arm(keeper, ["node1"])
    .catch((error: unknown) => error as ImagectlError);
  expect(refused).toMatchObject({
    code: "ARM_REFUSED",
    findings: [{ code: "SECRET_MISSING", where: "node1", hint: "Make it: make-token node1" }],
  });
  const unreadable = new ImagectlError("SECRET_UNREADABLE", "others may read it", { hint: "chmod" });
  const broken = { read: () => Promise.reject(unreadable) };
  await expect(open({ secrets: broken }).arm(keeper, ["node1"])).rejects.toMatchObject({
    code: "ARM_REFUSED",
    findings: [{ code: "SECRET_UNREADABLE", where: "node1", hint: "chmod" }],
  });
  // Whoever lacks both learns of both.
  await expect(open({ images: [] }).arm(keeper, ["node1"])).rejects.toMatchObject({
    findings: [{ code: "SECRET_MISSING" }, { code: "ARM_REFUSED" }],
  });

  const { arm, attempts } = open({ secrets: { read: async () => new Secret("T0KEN-VALUE") } });
  const answers = await arm(keeper, ["node1"]);
  expect(JSON.stringify([answers, attempts.frozenPlan(answers[0]?.attempt.id ?? 0)])).not.toContain("T0KEN");
});
