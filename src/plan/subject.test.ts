/** The bastion's own plan: the same roles, another place to stand. */
import { describe, expect, test } from "vitest";
import { ImagectlError } from "../errors.ts";
import { checkPlans, planNode } from "./make.ts";
import { clusterText, type Folders, input } from "./test-cluster.ts";

const rule = (text: string) => `summary: x\nfirewall: [{${text}, comment: c}]\n`;
const folders: Folders = {
  door: { "role.yaml": rule("direction: in, protocol: tcp, port: 22, peer: bastion, onBastion: anyone") },
  metrics: { "role.yaml": rule("direction: in, protocol: tcp, port: 9100, peer: bastion") },
  boot: {
    "role.yaml": rule("direction: in, protocol: udp, port: 67, peer: nodes"),
    "files/etc/rules.hbs":
      "{{#each all.firewall.in}}{{port}} {{interface}} {{peerAddress}} {{#if isBastionOnly}}bastion{{/if}}\n{{/each}}{{bastion.interface}} {{node.hostname}} {{node.fqdn}}\n",
    "checks.yaml": `- {name: here, from: node, run: "true", expect: {exit: 0}, fault: {remove: /etc/rules}}
- {name: there, from: outsider, run: "true", expect: {exit: 0}, needs: [kernel-modules], fault: {remove: /etc/rules}}
`,
  },
  card: { "role.yaml": "summary: x\n", "files/etc/card.hbs": "{{node.mac}}\n" },
};
const text = (roles: string, group = "desk") =>
  clusterText
    .replace("interface: eth1}", `interface: eth1, group: ${group}}`)
    .replace("groups:\n", `groups:\n  desk: {os: debian-12, method: none, roles: [${roles}]}\n`)
    .replaceAll(/roles: \[(hello, zero|zero, hello)\]/g, `roles: [${roles}]`)
    .replaceAll("    params: {hello: {word: hi}}\n", "")
    .replaceAll(", params: {hello: {word: hi}}", "");
const fileOf = (name: string) =>
  planNode(input(folders, text("door, metrics, boot")), name).node.files.find(
    ({ path }) => path === "/etc/rules",
  )?.content;

describe("the firewall's rules", () => {
  test("let on the bastion whoever onBastion says, and nodes come by their interface", () => {
    expect(fileOf("bastion")).toBe("22 any any \n67 eth1 any \neth1 bastion bastion.cluster\n");
  });
  test("let on a node the bastion alone, and nodes come from their subnet", () => {
    expect(fileOf("node1")).toBe(
      "22 any 10.77.0.1 bastion\n67 any 10.77.0.0/24 \n9100 any 10.77.0.1 bastion\neth1 node1 node1.cluster\n",
    );
  });
});

test("a rule for the group is one for each address of its other nodes, and none for other groups", () => {
  const group: Folders = {
    ...folders,
    boot: {
      ...folders.boot,
      "role.yaml": "summary: x\nfirewall: [{direction: in, peer: group, comment: jobs}]\n",
    },
  };
  const rail = 'nics: {rail0: {mac: "52:54:00:99:00:01", address: 10.88.0.12/24}}';
  const cluster = text("boot").replace(/( {2}node2: \{.*)\}/, `$1, ${rail}}`);
  expect(cluster).toContain(rail);
  const rules = (name: string) =>
    planNode(input(group, cluster), name)
      .node.files.find(({ path }) => path === "/etc/rules")
      ?.content.split("\n")
      .filter((line) => line.startsWith("any"));
  expect(rules("node1")).toEqual(["any any 10.77.0.12 ", "any any 10.88.0.12 "]);
  expect(rules("node2")).toEqual(["any any 10.77.0.11 "]);
  expect(rules("bastion")).toEqual([]);
});

test("checks from elsewhere say that they need another machine", () => {
  const { checks, mac, method } = planNode(input(folders, text("door, boot")), "bastion").node;
  expect(checks.map(({ name, needs }) => [name, needs])).toEqual([
    ["here", []],
    ["there", ["kernel-modules", "another-machine"]],
  ]);
  expect({ mac, method }).toEqual({ mac: undefined, method: "none" });
});

test("it may be called bastion, whatever its host name is", () => {
  const renamed = text("door").replace("hostname: bastion", "hostname: gate");
  const plan = planNode(input(folders, renamed), "gate");
  expect(planNode(input(folders, renamed), "bastion")).toEqual(plan);
  expect(plan.node.hostname).toBe("gate");
});

test("a role that sets up the card that a node boots from is refused, with its line", () => {
  const findings = checkPlans(input(folders, text("door, card")));
  expect(findings).toMatchObject([
    { code: "ROLE_NOT_FOR_BASTION", where: "c.yaml:9:53", hint: "Take card out of groups.desk.roles" },
  ]);
});

test("a bastion in no group is told how to get a plan", () => {
  expect.assertions(2);
  try {
    planNode(input(), "bastion");
  } catch (error) {
    expect(error).toBeInstanceOf(ImagectlError);
    expect(error).toMatchObject({ code: "NODE_UNKNOWN", hint: expect.stringContaining("bastion.group") });
  }
});
