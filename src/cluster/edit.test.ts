import { describe, expect, test } from "vitest";
import { removeNode, setOs } from "./edit.ts";
import { parseCluster, requireCluster } from "./parse.ts";

const text = `cluster: lab
network: {subnet: 10.77.0.0/24, domain: cluster, dns: [], outsider: 10.77.0.250}
bastion: {hostname: bastion, address: 10.77.0.1, interface: eth1}
groups:
  gpu: {os: debian-12, method: golden, roles: []} # all of them
nodes:
  node1: {mac: "52:54:00:77:00:11", address: 10.77.0.11, group: gpu}
  node2: {mac: "52:54:00:77:00:12", address: 10.77.0.12, group: gpu, os: debian-13}
`;
const sourceOf = (source: string) => ({
  text: source,
  fileName: "cluster.yaml",
  cluster: requireCluster(parseCluster(source, "cluster.yaml"), "cluster.yaml"),
});
const source = sourceOf(text);

describe("set-os", () => {
  test("a group gets it; a node with an os of its own keeps that, and a note says so", () => {
    const { text: changed, nodes, notes } = setOs(source, "gpu", "debian-14");
    expect(changed).toBe(text.replace("{os: debian-12", "{os: debian-14"));
    expect(nodes).toEqual(["node1"]);
    expect(notes).toEqual(["node2 keeps an os of its own: debian-13"]);
  });
  test("a node gets an os of its own", () => {
    const { text: changed } = setOs(source, "node1", "debian-13");
    expect(changed).toBe(text.replace("10.77.0.11, group: gpu", "10.77.0.11, group: gpu, os: debian-13"));
    expect(requireCluster(parseCluster(changed, "f"), "f").nodes[0]?.os).toBe("debian-13");
  });
  test("back to the group's, the node's own goes away", () => {
    expect(setOs(source, "node2", "debian-12").text).toBe(text.replace(", os: debian-13", ""));
  });
  test("what it has already changes nothing", () => {
    expect(setOs(source, "node1", "debian-12").text).toBe(text);
    expect(setOs(source, "gpu", "debian-12").text).toBe(text);
  });
  test("an unknown name names the nearest", () => {
    expect(() => setOs(source, "gpus", "debian-13")).toThrow("no group or node gpus");
    expect(() => setOs(source, "node3", "debian-13")).toThrow(
      expect.objectContaining({ code: "NODE_UNKNOWN" }),
    );
  });
});

test("a removed node is gone, and only it", () => {
  expect(removeNode(source, "node1").text).toBe(text.replace(/ {2}node1.*\n/, ""));
  expect(() => removeNode(source, "gpu")).toThrow("no group or node gpu");
});
