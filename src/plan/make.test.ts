/** Plans: what is in which layer, what is refused, and that equal input gives equal bytes. */
import { describe, expect, test } from "vitest";
import { parseCluster, requireCluster } from "../cluster/parse.ts";
import { canonicalJson } from "../digest.ts";
import { ImagectlError } from "../errors.ts";
import { makeCatalogue } from "../roles/catalogue.ts";
import { checkPlans, type PlanInput, planNode } from "./make.ts";
import { planDigest } from "./plan.ts";

const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIL94sKb+UTAp8fPsUYnQcq+qnwHFRsQXPr4cv2e0tZiG";
const trust = { agentKey: "ssh-ed25519 AGENT", hostCaKey: "ssh-ed25519 CA" };

type Folders = Readonly<Record<string, Readonly<Record<string, string>>>>;

const roles: Folders = {
  hello: {
    "role.yaml": `
summary: says hello
params:
  word: {type: string, default: hello, description: d}
needs: [zero]
packages: [motd-tools]
services:
  - {unit: hello.service, onChange: [/etc/motd, /etc/node]}
firewall: [{direction: in, protocol: tcp, port: 22, peer: bastion, comment: ssh}]
commands:
  - {name: on both, run: "b", onChange: [/etc/motd, /etc/node]}
  - {name: on the node's file, run: "n", onChange: [/etc/node]}
  - {name: for one node, run: "echo {{node.hostname}}", onChange: [/etc/motd, /etc/node]}
  - {name: always, run: "a {{params.word}}", unless: "u {{os.version}}"}
  - {name: always for a node, run: a, unless: "u {{network.subnet}}"}
validators:
  - {name: v, run: "v", paths: [/etc/motd, /etc/node]}
`,
    "checks.yaml": `
- name: greets
  from: bastion
  run: "ssh {{node.fqdn}} cat /etc/motd"
  expect: {stdout: {equals: "{{params.word}}"}, stderr: {lacks: "{{os.id}}"}}
  fault: {run: "rm /{{params.word}}", undo: "touch /{{params.word}}"}
`,
    "files/etc/motd.hbs": "{{params.word}} on {{os.id}}, {{os.family}} {{os.version}}\n",
    "files/etc/plain": "{{not a template}}\n",
    "files/etc/node.hbs":
      "{{node.fqdn}} {{node.mac}} {{node.address}}/{{node.prefixLength}} {{bastion.agentKey}} {{bastion.hostCaKey}}\n",
    "files/etc/kernel.hbs": "{{#each node.kernelArguments}}{{this}} {{/each}}\n",
    "files/etc/hosts.hbs":
      "{{bastion.address}} {{bastion.fqdn}}\n{{#each all.nodes}}\n{{address}} {{fqdn}} {{hostname}}\n{{/each}}\n",
    "files/etc/users.hbs":
      "{{#each all.users}}\n{{name}} {{uid}} {{#if isAdmin}}admin{{/if}} {{#each keys}}{{this}};{{/each}}\n{{/each}}\nadmins:{{#each all.admins}} {{name}}{{/each}}\n",
    "files/etc/net.hbs":
      "{{network.subnet}} {{network.netmask}} {{network.domain}}{{#if network.hasGateway}} via {{network.gateway}}{{/if}}{{#if network.hasDns}}{{#each network.dns}} {{this}}{{/each}}{{/if}}\n",
    "files/etc/group.hbs": "{{group.name}}\n",
    "files/etc/rules.hbs":
      "{{#each all.firewall.in}}in {{protocol}} {{port}} {{peerAddress}} {{role}}\n{{/each}}{{#each all.firewall.out}}out {{protocol}} {{port}} {{peerAddress}}{{#if isBastionOnly}}!{{/if}} {{comment}}\n{{/each}}",
  },
  zero: {
    "role.yaml":
      "summary: comes first\npackages: [zlib, attr]\nfirewall: [{direction: out, protocol: udp, port: 67, peer: anyone, comment: dhcp}]\ncommands: [{name: z, run: z, unless: z}]\n",
  },
};

const clusterText = `
cluster: lab
network: {subnet: 10.77.0.0/24, domain: cluster, dns: [10.77.0.1], gateway: 10.77.0.1, outsider: 10.77.0.250}
bastion: {hostname: bastion, address: 10.77.0.1, interface: eth1}
users:
  carol: {uid: 10002, admin: true, keys: ["${key} c"]}
  alice: {uid: 10001, keys: ["${key} a", "${key} b"]}
groups:
  gpu:
    os: debian-12
    method: golden
    roles: [hello, zero]
    params: {hello: {word: hi}}
    kernelArguments: ["console=ttyS0", "quiet"]
    disk: {match: {minSize: 1TB}}
  cpu: {os: debian-12, method: golden, roles: [zero, hello], params: {hello: {word: hi}}}
nodes:
  node2: {mac: 52:54:00:77:00:12, address: 10.77.0.12, group: gpu, disk: {match: {serial: X}}}
  node1: {mac: 52:54:00:77:00:11, address: 10.77.0.11, group: gpu}
  node3: {mac: 52:54:00:77:00:13, address: 10.77.0.13, group: cpu}
`;

function input(folders: Folders = roles, text = clusterText): PlanInput {
  const parsed = parseCluster(text, "c.yaml");
  const list = Object.entries(folders).map(([name, texts]) => ({
    name,
    source: `roles/${name}`,
    files: Object.entries(texts).map(([path, source]) => ({
      path,
      kind: "file" as const,
      text: source,
      isExecutable: false,
    })),
  }));
  return {
    cluster: requireCluster(parsed, "c.yaml"),
    roles: makeCatalogue([list]),
    trust,
    operatingSystems: ["debian-12", "debian-13"],
    where: parsed.where,
  };
}

describe("what a plan holds", () => {
  const plan = planNode(input(), "node1");
  const contents = (layer: { files: readonly { path: string; content: string }[] }) =>
    Object.fromEntries(layer.files.map(({ path, content }) => [path, content]));

  test("the image layer has what depends on system and parameters alone", () => {
    expect(contents(plan.image)).toEqual({
      "/etc/motd": "hi on debian-12, debian 12\n",
      "/etc/plain": "{{not a template}}\n",
    });
    expect(plan.image).toMatchObject({
      os: "debian-12",
      arch: "amd64",
      packages: ["attr", "motd-tools", "zlib"],
    });
  });
  test("the node layer has everything that reads of a node, its group or the cluster", () => {
    expect(contents(plan.node)).toEqual({
      "/etc/group": "gpu\n",
      "/etc/hosts":
        "10.77.0.1 bastion.cluster\n10.77.0.11 node1.cluster node1\n10.77.0.12 node2.cluster node2\n10.77.0.13 node3.cluster node3\n",
      "/etc/kernel": "console=ttyS0 quiet \n",
      "/etc/net": "10.77.0.0/24 255.255.255.0 cluster via 10.77.0.1 10.77.0.1\n",
      "/etc/node": "node1.cluster 52:54:00:77:00:11 10.77.0.11/24 ssh-ed25519 AGENT ssh-ed25519 CA\n",
      "/etc/rules": "in tcp 22 10.77.0.1 hello\nout udp 67 any dhcp\n",
      "/etc/users": `alice 10001  ${key} a;${key} b;\ncarol 10002 admin ${key} c;\nadmins: carol\n`,
    });
  });
  test("files are sorted by path, with mode and owner", () => {
    expect(plan.node.files.map(({ path }) => path)).toEqual(plan.node.files.map(({ path }) => path).sort());
    expect(plan.image.files[0]).toMatchObject({ mode: 0o644, owner: "root", group: "root", role: "hello" });
  });
  test("what a role needs is applied before it", () => {
    expect(plan.image.commands.map(({ role, name }) => `${role}: ${name}`)).toEqual([
      "zero: z",
      "hello: on both",
      "hello: always",
    ]);
  });
  test("a command acts in each layer that holds what it watches", () => {
    const watching = (layer: { commands: readonly { name: string; onChange?: readonly string[] }[] }) =>
      Object.fromEntries(layer.commands.map(({ name, onChange }) => [name, onChange]));
    expect(watching(plan.image)).toMatchObject({ "on both": ["/etc/motd"], always: undefined });
    expect(watching(plan.node)).toEqual({
      "on both": ["/etc/node"],
      "on the node's file": ["/etc/node"],
      "for one node": ["/etc/node"],
      "always for a node": undefined,
    });
  });
  test("commands are rendered", () => {
    expect(plan.image.commands.find(({ name }) => name === "always")).toMatchObject({
      run: "a hi",
      unless: "u 12",
    });
    expect(plan.node.commands.find(({ name }) => name === "for one node")).toMatchObject({
      run: "echo node1",
    });
  });
  test("validators and services follow their files; a service's state is the image's", () => {
    expect(plan.image.validators).toEqual([{ name: "v", run: "v", paths: ["/etc/motd"], role: "hello" }]);
    expect(plan.node.validators).toEqual([{ name: "v", run: "v", paths: ["/etc/node"], role: "hello" }]);
    expect(plan.image.services).toMatchObject([
      { unit: "hello.service", state: "enabled", onChange: ["/etc/motd"] },
    ]);
    expect(plan.node.services).toMatchObject([{ unit: "hello.service", onChange: ["/etc/node"] }]);
  });
  test("checks are rendered in every part", () => {
    expect(plan.node.checks).toEqual([
      {
        role: "hello",
        name: "greets",
        from: "bastion",
        run: "ssh node1.cluster cat /etc/motd",
        expect: { stdout: { equals: "hi" }, stderr: { lacks: "debian-12" } },
        fault: { kind: "run", at: "node", run: "rm /hi", undo: "touch /hi" },
        gate: true,
        needs: [],
        timeoutSeconds: 20,
      },
    ]);
  });
  test("what the server and the deploy need to know is in the node's part", () => {
    expect(plan.node).toMatchObject({
      hostname: "node1",
      domain: "cluster",
      group: "gpu",
      address: "10.77.0.11",
      prefixLength: 24,
      bastionAddress: "10.77.0.1",
      outsiderAddress: "10.77.0.250",
      method: "golden",
      disk: { match: { minBytes: 1e12 } },
      kernelArguments: ["console=ttyS0", "quiet"],
      firewall: [
        { port: 22, role: "hello" },
        { port: 67, role: "zero" },
      ],
    });
    expect(planNode(input(), "node2").node.disk).toEqual({ match: { serial: "X" } });
  });
});

describe("images are shared", () => {
  const image = (text: string, node: string) => canonicalJson(planNode(input(roles, text), node).image);
  const one = image(clusterText, "node1");
  test.each([
    ["by nodes of one group", clusterText, "node2"],
    ["by groups that want the same", clusterText, "node3"],
    [
      "when a user comes",
      clusterText.replace("users:", `users:\n  bob: {uid: 10003, keys: ["${key}"]}`),
      "node1",
    ],
    [
      "when a node comes",
      `${clusterText}  node4: {mac: 52:54:00:77:00:14, address: 10.77.0.14, group: gpu}\n`,
      "node1",
    ],
    ["when the kernel's command line changes", clusterText.replace("quiet", "loud"), "node1"],
    ["when the network changes", clusterText.replace("dns: [10.77.0.1]", "dns: []"), "node1"],
  ])("%s", (_name, text, node) => {
    expect(image(text, node)).toBe(one);
  });
  test("but not when a parameter changes", () => {
    expect(image(clusterText.replace("word: hi}}\n    kernel", "word: ho}}\n    kernel"), "node1")).not.toBe(
      one,
    );
  });
});

describe("equal input, equal bytes", () => {
  const digest = (given: PlanInput) => planDigest(planNode(given, "node1"));
  const bytes = (given: PlanInput) => JSON.stringify(planNode(given, "node1"));
  test("twice", () => {
    expect(bytes(input())).toBe(bytes(input()));
  });
  test("whatever the order in the cluster file", () => {
    const users = clusterText.replace(/( {2}carol.*\n)( {2}alice.*\n)/, "$2$1");
    const nodes = clusterText.replace(/( {2}node2.*\n)( {2}node1.*\n)/, "$2$1");
    const list = clusterText.replace("roles: [hello, zero]", "roles: [zero, hello]");
    for (const text of [users, nodes, list]) {
      expect(text).not.toBe(clusterText);
      expect(bytes(input(roles, text))).toBe(bytes(input()));
    }
  });
  test("whatever the order of the role folders", () => {
    expect(bytes(input(Object.fromEntries(Object.entries(roles).reverse())))).toBe(bytes(input()));
  });
  test("and another cluster is another plan", () => {
    expect(digest(input(roles, clusterText.replace("uid: 10001", "uid: 10009")))).not.toBe(digest(input()));
  });
});

describe("what is refused", () => {
  const withRole = (role: string, texts: Readonly<Record<string, string>>): Folders => ({
    ...roles,
    [role]: { ...roles[role], ...texts },
  });
  const third = (texts: Readonly<Record<string, string>>): [Folders, string] => [
    { ...roles, zzz: { "role.yaml": "summary: x\n", ...texts } },
    clusterText.replaceAll(/roles: \[(.*)\]/g, "roles: [$1, zzz]"),
  ];
  const zeroYaml = roles.zero?.["role.yaml"] ?? "";

  test.each<[string, [Folders, string], string, string, string]>([
    [
      "an unknown role",
      [roles, clusterText.replace("[hello, zero]", "[hello, zero, helo]")],
      "ROLE_UNKNOWN",
      "c.yaml:12:26",
      "hello",
    ],
    [
      "an unknown system",
      [roles, clusterText.replace("    os: debian-12", "    os: debian-11")],
      "OS_UNKNOWN",
      "c.yaml:10:9",
      "debian-12",
    ],
    [
      "an unknown parameter",
      [roles, clusterText.replace("{word: hi}}\n", "{wrod: hi}}\n")],
      "PARAM_INVALID",
      "c.yaml:13:28",
      "word",
    ],
    [
      "a parameter of the wrong type",
      [roles, clusterText.replace("{word: hi}}\n", "{word: 5}}\n")],
      "PARAM_INVALID",
      "c.yaml:13:28",
      "hello",
    ],
    [
      "a role that is needed and not listed",
      [roles, clusterText.replace("[hello, zero]", "[hello]")],
      "ROLE_NEED_MISSING",
      "c.yaml:12:13",
      "zero",
    ],
    [
      "roles that need each other",
      [withRole("zero", { "role.yaml": `${zeroYaml}needs: [hello]\n` }), clusterText],
      "ROLE_CYCLE",
      "c.yaml:12:5",
      "role.yaml",
    ],
    [
      "two owners of a path",
      third({ "files@debian/etc/motd": "" }),
      "PLAN_CONFLICT",
      "roles/zzz/files@debian/etc/motd:1:1",
      "needs",
    ],
    [
      "a file below a file",
      third({ "files/etc/motd/x": "" }),
      "PLAN_CONFLICT",
      "roles/zzz/files/etc/motd/x:1:1",
      "needs",
    ],
    [
      "two owners of a package",
      third({ "role.yaml": "summary: x\npackages: [zlib]\n" }),
      "PLAN_CONFLICT",
      "roles/zzz/role.yaml:2:12",
      "needs",
    ],
    [
      "two owners of a unit",
      third({ "role.yaml": "summary: x\nservices: [{unit: hello.service}]\n" }),
      "PLAN_CONFLICT",
      "roles/zzz/role.yaml:2:12",
      "needs",
    ],
    [
      "two owners of a port",
      third({
        "role.yaml":
          "summary: x\nfirewall: [{direction: in, protocol: tcp, port: 22, peer: anyone, comment: y}]\n",
      }),
      "PLAN_CONFLICT",
      "roles/zzz/role.yaml:2:12",
      "needs",
    ],
    [
      "a name that the view does not have",
      third({ "files/etc/x.hbs": "a\n{{node.hostnam}}\n" }),
      "TEMPLATE_UNKNOWN_NAME",
      "roles/zzz/files/etc/x.hbs:2:3",
      "hostname",
    ],
    [
      "another role's parameter",
      third({ "files/etc/x.hbs": "{{params.word}}\n" }),
      "TEMPLATE_UNKNOWN_NAME",
      "roles/zzz/files/etc/x.hbs:1:3",
      "Remove",
    ],
    [
      "a broken template in a command",
      third({ "role.yaml": "summary: x\ncommands:\n  - {name: a, run: '{{#if x}}', unless: b}\n" }),
      "TEMPLATE_INVALID",
      "roles/zzz/role.yaml:3:5",
      "docs/roles.md",
    ],
    [
      "a broken template in a check",
      third({
        "checks.yaml":
          "- name: c\n  from: node\n  run: x\n  expect: {stdout: {equals: '{{nodee}}'}}\n  fault: {remove: /x}\n",
      }),
      "TEMPLATE_UNKNOWN_NAME",
      "roles/zzz/checks.yaml:1:3",
      "node",
    ],
    [
      "a command that watches what nobody writes",
      third({ "role.yaml": "summary: x\ncommands: [{name: a, run: b, onChange: [/etc/mtod]}]\n" }),
      "ROLE_NEVER_ACTS",
      "roles/zzz/role.yaml:2:12",
      "files/etc/mtod",
    ],
    [
      "a service that watches what nobody writes",
      third({ "role.yaml": "summary: x\nservices: [{unit: t.service, onChange: [/etc/mtod]}]\n" }),
      "ROLE_NEVER_ACTS",
      "roles/zzz/role.yaml:2:12",
      "files/etc/mtod",
    ],
    [
      "a node's command that watches the image alone",
      third({
        "role.yaml": "summary: x\ncommands: [{name: a, run: '{{node.mac}}', onChange: [/etc/motd]}]\n",
      }),
      "ROLE_NEVER_ACTS",
      "roles/zzz/role.yaml:2:12",
      "unless",
    ],
    [
      "a broken role, also one that no group lists",
      [{ ...roles, broken: { "role.yaml": "sumary: x\n" } }, clusterText],
      "KEY_UNKNOWN",
      "roles/broken/role.yaml:1:1",
      "summary",
    ],
  ])("%s", (_name, [folders, text], code, where, hint) => {
    const given = input(folders, text);
    const found = checkPlans(given).filter((finding) => finding.code === code && finding.where === where);
    expect(found.map((finding) => finding.hint).join("\n")).toContain(hint);
    expect(found).toHaveLength(1);
    const failure = (): unknown => planNode(given, "node1");
    expect(failure).toThrow(
      expect.objectContaining({ code: "PLAN_INVALID", findings: expect.arrayContaining(found) }),
    );
  });

  test("several problems come together, each once however many nodes have it", () => {
    const [folders, text] = third({ "files/etc/motd": "", "files/etc/x.hbs": "{{node.hostnam}}" });
    const codes = checkPlans(input(folders, text)).map(({ code }) => code);
    expect(codes.sort()).toEqual(["PLAN_CONFLICT", "TEMPLATE_UNKNOWN_NAME"]);
  });
  test("a good cluster has no findings", () => {
    expect(checkPlans(input())).toEqual([]);
  });
  test("an unknown node, with the nearest name", () => {
    expect(() => planNode(input(), "node11")).toThrow(ImagectlError);
    expect(() => planNode(input(), "node11")).toThrow(
      expect.objectContaining({ code: "NODE_UNKNOWN", hint: "Did you mean: node1" }),
    );
  });
});
