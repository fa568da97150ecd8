/** Changes of intent that commands make: they edit the cluster file's text and nothing else. Pure. */
import { ImagectlError } from "../errors.ts";
import { hintForName } from "../nearest.ts";
import { editYaml } from "../yaml-edit.ts";
import type { ClusterConfig, OsId } from "./config.ts";

export type ClusterEdit = {
  /** The whole new text. */
  readonly text: string;
  /** Nodes that the change is about. */
  readonly nodes: readonly string[];
  /** What an operator might not expect, one sentence each. */
  readonly notes: readonly string[];
};

export type ClusterText = {
  readonly text: string;
  readonly fileName: string;
  /** What the text says. */
  readonly cluster: ClusterConfig;
};

/**
 * Gives a group, or one node, another operating system.
 * @param name of a group or a node. A node gets an `os` of its own, which goes away when it is the group's again.
 * @throws ImagectlError NODE_UNKNOWN, FILE_NOT_EDITABLE.
 */
export function setOs(source: ClusterText, name: string, os: OsId): ClusterEdit {
  const { cluster } = source;
  if (cluster.groups.some((group) => group.name === name)) return setOsOfGroup(source, name, os);
  const node = cluster.nodes.find((candidate) => candidate.name === name);
  if (node === undefined) throw unknownName(cluster, name);
  const { text, fileName } = source;
  const path = ["nodes", name, "os"];
  const groupOs = cluster.groups.find((group) => group.name === node.group)?.os;
  if (os !== groupOs) {
    return { text: editYaml(text, fileName, { kind: "set", path, value: os }), nodes: [name], notes: [] };
  }
  const notes = [`${name} has the operating system of its group ${node.group} again`];
  if (node.os === undefined) return { text, nodes: [name], notes: [] };
  return { text: editYaml(text, fileName, { kind: "remove", path }), nodes: [name], notes };
}

function setOsOfGroup({ text, fileName, cluster }: ClusterText, name: string, os: OsId): ClusterEdit {
  const members = cluster.nodes.filter((node) => node.group === name);
  const path = ["groups", name, "os"];
  return {
    text: editYaml(text, fileName, { kind: "set", path, value: os }),
    nodes: members.filter((node) => node.os === undefined).map((node) => node.name),
    notes: members
      .filter((node) => node.os !== undefined)
      .map((node) => `${node.name} keeps an os of its own: ${node.os}`),
  };
}

/**
 * Takes a node out of the file; comments above its entry stay.
 * @throws ImagectlError NODE_UNKNOWN, FILE_NOT_EDITABLE.
 */
export function removeNode({ text, fileName, cluster }: ClusterText, name: string): ClusterEdit {
  if (!cluster.nodes.some((node) => node.name === name)) throw unknownName(cluster, name);
  const changed = editYaml(text, fileName, { kind: "remove", path: ["nodes", name] });
  return { text: changed, nodes: [name], notes: [] };
}

function unknownName({ name: cluster, groups, nodes }: ClusterConfig, name: string): ImagectlError {
  const known = [...groups, ...nodes].map((entry) => entry.name);
  return new ImagectlError("NODE_UNKNOWN", `the cluster ${cluster} has no group or node ${name}`, {
    hint: hintForName(name, known),
  });
}
