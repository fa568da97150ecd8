/** The inventory as Ansible reads it. */
import { expect, test } from "vitest";
import { parseCluster, requireCluster } from "../cluster/parse.ts";
import { dynamicInventory, inventoryFiles, makeInventory } from "./inventory.ts";

const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPad1F+FAr21cGQ0aAJWk2hltoy1VayLD96G2icMMVve carol@desk";
const text = `cluster: lab
network: {subnet: 10.77.0.0/24, domain: cluster, dns: [], outsider: 10.77.0.250}
bastion: {hostname: bastion, address: 10.77.0.1, interface: eth1, group: desk}
users: {carol: {uid: 10002, admin: true, keys: ["${key}"]}}
groups:
  desk: {os: debian-12, method: none, roles: [base]}
  8-gpu: {os: debian-12, method: golden, roles: [base, sshd], disk: {match: {}}}
  spare: {os: debian-13, method: golden, roles: [base], disk: {match: {}}}
nodes:
  node1: {mac: "52:54:00:77:00:11", address: 10.77.0.11, group: 8-gpu}
  node2: {mac: "52:54:00:77:00:12", address: 10.77.0.12, group: 8-gpu, os: debian-13}
`;
const inventory = makeInventory(requireCluster(parseCluster(text, "cluster.yaml"), "cluster.yaml"));

test("every machine has its address and its own system, and no user", () => {
  expect(inventory.hosts).toEqual({
    node1: { ansible_host: "10.77.0.11", imagectl_os: "debian-12", imagectl_mac: "52:54:00:77:00:11" },
    node2: { ansible_host: "10.77.0.12", imagectl_os: "debian-13", imagectl_mac: "52:54:00:77:00:12" },
    bastion: { ansible_host: "10.77.0.1", imagectl_os: "debian-12" },
  });
});

test("groups are those of the file, by names that Ansible takes, and one more of all nodes", () => {
  expect(dynamicInventory(inventory)).toEqual({
    _meta: { hostvars: inventory.hosts },
    all: { children: ["desk", "_8_gpu", "spare", "imagectl_nodes"] },
    desk: {
      hosts: ["bastion"],
      vars: { imagectl_group: "desk", imagectl_method: "none", imagectl_roles: ["base"] },
    },
    _8_gpu: {
      hosts: ["node1", "node2"],
      vars: { imagectl_group: "8-gpu", imagectl_method: "golden", imagectl_roles: ["base", "sshd"] },
    },
    spare: {
      hosts: [],
      vars: { imagectl_group: "spare", imagectl_method: "golden", imagectl_roles: ["base"] },
    },
    imagectl_nodes: { hosts: ["node1", "node2"] },
  });
});

test("files say the same", () => {
  const files = inventoryFiles(inventory);
  expect([...files.keys()]).toEqual([
    "hosts.json",
    "group_vars/desk.json",
    "group_vars/_8_gpu.json",
    "group_vars/spare.json",
  ]);
  const { all } = JSON.parse(files.get("hosts.json") ?? "");
  expect(all.children._8_gpu.hosts).toEqual({
    node1: inventory.hosts.node1,
    node2: inventory.hosts.node2,
  });
  expect(Object.keys(all.children.imagectl_nodes.hosts)).toEqual(["node1", "node2"]);
  expect(JSON.parse(files.get("group_vars/_8_gpu.json") ?? "")).toMatchObject({ imagectl_group: "8-gpu" });
});
