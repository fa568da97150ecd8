/** Plans: what is in which layer, and that equal input gives equal bytes. */
import { describe, expect, test } from "vitest";
import { canonicalJson } from "../digest.ts";
import { type PlanInput, planNode } from "./make.ts";
import { planDigest } from "./plan.ts";
import { clusterText, input, key, roles } from "./test-cluster.ts";

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

describe("a node with an operating system of its own", () => {
  const ahead = clusterText.replace("10.77.0.11, group: gpu}", "10.77.0.11, group: gpu, os: debian-13}");
  test("is planned with it, and its neighbours with the group's", () => {
    const plan = planNode(input(roles, ahead), "node1");
    expect(plan.image.os).toBe("debian-13");
    expect(plan.image.files[0]?.content).toBe("hi on debian-13, debian 13\n");
    expect(planNode(input(roles, ahead), "node2").image.os).toBe("debian-12");
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
