/** The cluster file: what it becomes, and what is said about each thing that can be wrong in it. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { packageRoot } from "../paths.ts";
import { parseCluster, requireCluster } from "./parse.ts";

const keyA = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIL94sKb+UTAp8fPsUYnQcq+qnwHFRsQXPr4cv2e0tZiG alice@laptop";
const keyC = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPad1F+FAr21cGQ0aAJWk2hltoy1VayLD96G2icMMVve carol@desk";

/** One statement a line, so that a test can replace a line and know its number. */
const lines = [
  "cluster: lab", // 1
  "network:", // 2
  "  subnet: 10.77.0.0/24", // 3
  "  domain: cluster", // 4
  "  gateway: 10.77.0.1", // 5
  "  pool: {first: 10.77.0.200, last: 10.77.0.219}", // 6
  "  outsider: 10.77.0.250", // 7
  "bastion:", // 8
  "  hostname: bastion", // 9
  "  address: 10.77.0.1", // 10
  "  interface: eth1", // 11
  "users:", // 12
  `  alice: {uid: 10001, keys: ["${keyA}"]}`, // 13
  `  carol: {uid: 10002, admin: true, keys: ["${keyC}"]}`, // 14
  "groups:", // 15
  "  gpu:", // 16
  "    os: debian-12", // 17
  "    method: golden", // 18
  "    roles: [one, two]", // 19
  "    params: {one: {size: 3}}", // 20
  '    kernelArguments: ["console=ttyS0,115200n8"]', // 21
  '    disk: {match: {serial: "*S64HNE*", minSize: 900GB}}', // 22
  "nodes:", // 23
  "  node1: {mac: 52:54:00:77:00:11, address: 10.77.0.11, group: gpu}", // 24
  "  node2: {mac: 52-54-00-77-00-AA, address: 10.77.0.12, group: gpu, disk: {match: {}}}", // 25
];

function withLine(number: number, text: string): string {
  return [...lines.slice(0, number - 1), text, ...lines.slice(number)].join("\n");
}

const good = lines.join("\n");

describe("a good file", () => {
  const { cluster, findings } = parseCluster(good, "cluster.yaml");
  test("has no findings", () => {
    expect(findings).toEqual([]);
  });
  test("has no nodes yet when only comments stand below them", () => {
    const empty = [...lines.slice(0, 23), "  # node1:", "  #   mac: 52:54:00:77:00:11"].join("\n");
    expect(parseCluster(empty, "cluster.yaml")).toMatchObject({ cluster: { nodes: [] }, findings: [] });
  });
  test("becomes lists with names, defaults filled in", () => {
    expect(cluster).toMatchObject({
      name: "lab",
      domain: "cluster",
      subnet: { network: "10.77.0.0", prefixLength: 24 },
      dns: [],
      bastion: { hostname: "bastion", address: "10.77.0.1", interface: "eth1" },
      users: [
        { name: "alice", uid: 10001, admin: false, keys: [keyA] },
        { name: "carol", uid: 10002, admin: true },
      ],
    });
  });
  test("MAC addresses have one spelling", () => {
    expect(cluster?.nodes.map(({ mac }) => mac)).toEqual(["52:54:00:77:00:11", "52:54:00:77:00:aa"]);
  });
  test("sizes are bytes", () => {
    expect(cluster?.groups[0]?.disk).toEqual({ match: { serial: "*S64HNE*", minBytes: 900e9 } });
  });
  test("a node's own disk policy is kept apart from the group's", () => {
    expect(cluster?.nodes.map(({ disk }) => disk)).toEqual([undefined, { match: {} }]);
  });
  test("the sample is good, and its places are known", () => {
    const text = readFileSync(join(packageRoot, "examples/cluster.yaml"), "utf8");
    const parsed = parseCluster(text, "examples/cluster.yaml");
    expect(parsed.findings).toEqual([]);
    expect(requireCluster(parsed, "x").nodes).toHaveLength(1);
    const line = text.split("\n").findIndex((each) => each.includes("roles:")) + 1;
    expect(parsed.where("groups.gpu.roles.0")).toBe(`examples/cluster.yaml:${line}:13`);
  });
});

describe("each thing that is wrong has a code and its line", () => {
  test.each([
    ["an unknown key", 4, "  domian: cluster", "KEY_UNKNOWN", "domian"],
    ["a missing key", 9, "", "KEY_MISSING", "bastion.hostname"],
    ["a subnet with host bits", 3, "  subnet: 10.77.0.1/24", "VALUE_INVALID", "10.77.0.0/24"],
    ["a subnet that is none", 3, "  subnet: 10.77.0/24", "VALUE_INVALID", "subnet"],
    ["a domain with a space", 4, "  domain: a b", "VALUE_INVALID", "domain"],
    ["an interface with a slash", 11, "  interface: ../eth0", "VALUE_INVALID", "interface"],
    ["an interface name that is too long", 11, "  interface: abcdefghijklmnop", "VALUE_INVALID", "interface"],
    ["a gateway outside", 5, "  gateway: 10.78.0.1", "ADDRESS_UNUSABLE", "outside the subnet"],
    ["an outsider inside the pool", 7, "  outsider: 10.77.0.200", "ADDRESS_UNUSABLE", "pool"],
    ["an outsider that is the bastion", 7, "  outsider: 10.77.0.1", "DUPLICATE", "the bastion"],
    [
      "a pool that ends before it starts",
      6,
      "  pool: {first: 10.77.0.9, last: 10.77.0.8}",
      "ADDRESS_UNUSABLE",
      "before",
    ],
    [
      "a pool that leaves the subnet",
      6,
      "  pool: {first: 10.77.0.240, last: 10.77.1.9}",
      "ADDRESS_UNUSABLE",
      "outside",
    ],
    [
      "a node in the pool",
      24,
      "  node1: {mac: 52:54:00:77:00:11, address: 10.77.0.201, group: gpu}",
      "ADDRESS_UNUSABLE",
      "pool",
    ],
    [
      "a node outside",
      24,
      "  node1: {mac: 52:54:00:77:00:11, address: 10.78.0.11, group: gpu}",
      "ADDRESS_UNUSABLE",
      "outside",
    ],
    [
      "the network's own address",
      24,
      "  node1: {mac: 52:54:00:77:00:11, address: 10.77.0.0, group: gpu}",
      "ADDRESS_UNUSABLE",
      "own address",
    ],
    [
      "the broadcast address",
      24,
      "  node1: {mac: 52:54:00:77:00:11, address: 10.77.0.255, group: gpu}",
      "ADDRESS_UNUSABLE",
      "broadcast",
    ],
    [
      "the bastion's address",
      24,
      "  node1: {mac: 52:54:00:77:00:11, address: 10.77.0.1, group: gpu}",
      "DUPLICATE",
      "the bastion",
    ],
    [
      "an address twice",
      25,
      "  node2: {mac: 52:54:00:77:00:12, address: 10.77.0.11, group: gpu}",
      "DUPLICATE",
      "node1",
    ],
    [
      "a MAC twice, in two spellings",
      25,
      "  node2: {mac: 52-54-00-77-00-11, address: 10.77.0.12, group: gpu}",
      "DUPLICATE",
      "node1",
    ],
    [
      "a multicast MAC",
      25,
      "  node2: {mac: 01:00:5e:00:00:01, address: 10.77.0.12, group: gpu}",
      "VALUE_INVALID",
      "no address of a network card",
    ],
    [
      "a MAC of zeros",
      25,
      "  node2: {mac: 00:00:00:00:00:00, address: 10.77.0.12, group: gpu}",
      "VALUE_INVALID",
      "no address of a network card",
    ],
    [
      "an IPv4 address with a leading zero",
      25,
      "  node2: {mac: 52:54:00:77:00:12, address: 10.77.0.012, group: gpu}",
      "VALUE_INVALID",
      "IPv4",
    ],
    [
      "an unknown group",
      25,
      "  node2: {mac: 52:54:00:77:00:12, address: 10.77.0.12, group: gpuu}",
      "GROUP_UNKNOWN",
      "gpuu",
    ],
    [
      "a group of the bastion that is not there",
      11,
      "  group: gpuu\n  interface: eth1",
      "GROUP_UNKNOWN",
      "gpu",
    ],
    [
      "a group of the bastion that overwrites disks",
      11,
      "  group: gpu\n  interface: eth1",
      "VALUE_INVALID",
      "deployed by golden",
    ],
    [
      "a name twice",
      25,
      "  node1: {mac: 52:54:00:77:00:12, address: 10.77.0.12, group: gpu}",
      "YAML_INVALID",
      "is there twice",
    ],
    [
      "the name of a group",
      25,
      "  gpu: {mac: 52:54:00:77:00:12, address: 10.77.0.12, group: gpu}",
      "DUPLICATE",
      "the group gpu",
    ],
    [
      "the bastion's name",
      25,
      "  bastion: {mac: 52:54:00:77:00:12, address: 10.77.0.12, group: gpu}",
      "DUPLICATE",
      "the bastion",
    ],
    [
      "a name that a shell would run",
      25,
      '  "$(reboot)": {mac: 52:54:00:77:00:12, address: 10.77.0.12, group: gpu}',
      "NAME_INVALID",
      "$(reboot)",
    ],
    [
      "a name in capitals",
      25,
      "  Node2: {mac: 52:54:00:77:00:12, address: 10.77.0.12, group: gpu}",
      "NAME_INVALID",
      "Node2",
    ],
    [
      "a name of 64 characters",
      25,
      `  ${"a".repeat(64)}: {mac: 52:54:00:77:00:12, address: 10.77.0.12, group: gpu}`,
      "NAME_INVALID",
      "63",
    ],
    [
      "a name with a line end",
      25,
      '  "a\\nb": {mac: 52:54:00:77:00:12, address: 10.77.0.12, group: gpu}',
      "NAME_INVALID",
      "a\\nb",
    ],
    [
      "a number as a name",
      25,
      "  12: {mac: 52:54:00:77:00:12, address: 10.77.0.12, group: gpu}",
      "NAME_INVALID",
      "no number",
    ],
    [
      "localhost as a name",
      25,
      "  localhost: {mac: 52:54:00:77:00:12, address: 10.77.0.12, group: gpu}",
      "NAME_INVALID",
      "localhost",
    ],
    [
      "a name of every object",
      25,
      "  __proto__: {mac: 52:54:00:77:00:12, address: 10.77.0.12, group: gpu}",
      "YAML_INVALID",
      "__proto__",
    ],
    ["a bad name of the bastion", 9, "  hostname: bastion.", "NAME_INVALID", "hostname"],
    ["a uid of the system", 13, `  alice: {uid: 999, keys: ["${keyA}"]}`, "VALUE_INVALID", "10000"],
    ["a uid of nobody", 13, `  alice: {uid: 65534, keys: ["${keyA}"]}`, "VALUE_INVALID", "59999"],
    ["a uid twice", 14, `  carol: {uid: 10001, keys: ["${keyC}"]}`, "DUPLICATE", "alice"],
    ["a uid that is a text", 13, `  alice: {uid: "10001", keys: ["${keyA}"]}`, "VALUE_INVALID", "uid"],
    ["a user without a key", 13, "  alice: {uid: 10001, keys: []}", "VALUE_INVALID", "at least one key"],
    [
      "a key with an option",
      13,
      `  alice: {uid: 10001, keys: ['command="sh" ${keyA}']}`,
      "PUBLIC_KEY_REFUSED",
      "options",
    ],
    ["a user called root", 13, `  root: {uid: 10001, keys: ["${keyA}"]}`, "NAME_INVALID", "root"],
    ["a user called backup", 13, `  backup: {uid: 10001, keys: ["${keyA}"]}`, "NAME_INVALID", "backup"],
    ["a user called imagectl", 13, `  imagectl: {uid: 10001, keys: ["${keyA}"]}`, "NAME_INVALID", "imagectl"],
    ["a user called recovery", 13, `  recovery: {uid: 10001, keys: ["${keyA}"]}`, "NAME_INVALID", "recovery"],
    ["a user name with a colon", 13, `  "a:b": {uid: 10001, keys: ["${keyA}"]}`, "NAME_INVALID", "a:b"],
    ["an operating system that is a path", 17, "    os: ../debian", "VALUE_INVALID", "debian-12"],
    ["an unknown method", 18, "    method: goldn", "VALUE_INVALID", "golden"],
    ["a role twice", 19, "    roles: [one, two, one]", "DUPLICATE", "one"],
    ["a role that is a path", 19, "    roles: [one, ../two]", "NAME_INVALID", "roles.1"],
    ["parameters of a role that is not there", 20, "    params: {oen: {size: 3}}", "PARAM_UNUSED", "oen"],
    [
      "a kernel argument with a space",
      21,
      '    kernelArguments: ["a b"]',
      "VALUE_INVALID",
      "kernelArguments",
    ],
    [
      "a kernel argument with a quote",
      21,
      "    kernelArguments: ['a\"b']",
      "VALUE_INVALID",
      "kernelArguments",
    ],
    [
      "a kernel argument that GRUB would expand",
      21,
      '    kernelArguments: ["a=$b"]',
      "VALUE_INVALID",
      "kernelArguments",
    ],
    [
      "a kernel argument with a line end",
      21,
      '    kernelArguments: ["a\\nb"]',
      "VALUE_INVALID",
      "kernelArguments",
    ],
    [
      "a kernel argument of ours",
      21,
      '    kernelArguments: ["imagectl.seed=http://x"]',
      "VALUE_INVALID",
      "imagectl's own",
    ],
    [
      "a kernel argument that the server would replace",
      21,
      '    kernelArguments: ["x={seedUrl}"]',
      "VALUE_INVALID",
      "kernelArguments",
    ],
    ["a size without a unit that exists", 22, "    disk: {match: {minSize: 9XB}}", "VALUE_INVALID", "900GB"],
    [
      "a least size above the greatest",
      22,
      "    disk: {match: {minSize: 2TB, maxSize: 1TB}}",
      "VALUE_INVALID",
      "above",
    ],
    ["a disk rule that does not exist", 22, "    disk: {match: {serail: x}}", "KEY_UNKNOWN", "serail"],
  ])("%s", (_name, number, text, code, mentions) => {
    const { cluster, findings } = parseCluster(withLine(number, text), "cluster.yaml");
    expect(cluster).toBeUndefined();
    const matching = findings.filter((finding) => finding.code === code);
    expect(matching.map(({ message }) => message).join("\n")).toContain(mentions);
    const where =
      code === "KEY_MISSING" ? /^cluster\.yaml:8:1$/ : new RegExp(`^cluster\\.yaml:${number}:[0-9]+$`);
    expect(matching.filter((finding) => where.test(finding.where))).not.toEqual([]);
    for (const finding of findings) expect(finding.hint).not.toBe("");
  });

  test("the bastion may be the gateway, and nothing else may share an address with it", () => {
    expect(parseCluster(withLine(5, "  gateway: 10.77.0.254"), "c").findings).toEqual([]);
    expect(parseCluster(withLine(5, "  gateway: 10.77.0.11"), "c").findings.map(({ code }) => code)).toEqual([
      "DUPLICATE",
    ]);
  });
});

describe("all problems come at once", () => {
  test("in the order of the file, also where one line is wrong in two ways", () => {
    const text = good
      .replace("uid: 10001", "uid: 1")
      .replace("group: gpu}", "group: cpu}")
      .replace("method: golden", "method: x")
      .replace("52-54-00-77-00-AA", "52-54-00-77-00-11");
    const { findings } = parseCluster(text, "c");
    expect(findings.map(({ where, code }) => `${where.split(":")[1]} ${code}`)).toEqual([
      "13 VALUE_INVALID",
      "18 VALUE_INVALID",
      "24 GROUP_UNKNOWN",
      "25 DUPLICATE",
    ]);
  });
  test("a section that is missing does not hide what is wrong in the others", () => {
    const text = [...lines.slice(0, 7), ...lines.slice(11)].join("\n").replace("group: gpu}", "group: cpu}");
    expect(
      parseCluster(text, "c")
        .findings.map(({ code }) => code)
        .sort(),
    ).toEqual(["GROUP_UNKNOWN", "KEY_MISSING"]);
  });
  test.each([
    ["an empty file", ""],
    ["a list", "- a\n- b\n"],
    ["a text", "hello\n"],
    ["a broken file", "cluster: [\n"],
    [
      "sections of the wrong kind",
      "cluster: 1\nnetwork: x\nbastion: []\nusers: 3\ngroups: null\nnodes: [1]\n",
    ],
    ["entries of the wrong kind", "users: {a: 1}\ngroups: {b: null}\nnodes: {c: []}\n"],
  ])("%s is findings, not an exception", (_name, text) => {
    const parsed = parseCluster(text, "c");
    expect(parsed.findings.length).toBeGreaterThan(0);
    expect(() => requireCluster(parsed, "c")).toThrow("c cannot be used as it is");
  });
  test("a private key is never shown, wherever it stands", () => {
    const secret = "-----BEGIN OPENSSH PRIVATE KEY----- c2VjcmV0LXNlY3JldA";
    for (const text of [
      withLine(13, `  alice: {uid: 10001, keys: ["${secret}"]}`),
      withLine(13, `  alice: ${secret}: x: [`),
    ]) {
      const { findings } = parseCluster(text, "c");
      expect(findings.length).toBeGreaterThan(0);
      expect(JSON.stringify(findings)).not.toContain("c2VjcmV0");
    }
  });
});
