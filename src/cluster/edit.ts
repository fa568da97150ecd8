/** Changes of intent that commands make: they edit the cluster file's text and nothing else. Pure. */
import { ImagectlError } from "../errors.ts";
import { hintForName } from "../nearest.ts";
import { editYaml, type YamlEdit } from "../yaml-edit.ts";
import type { ClusterConfig, OsId } from "./config.ts";
import { nextUserId } from "./names.ts";

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

/**
 * Adds keys to a user's, or a user with these keys.
 * @param uid of a user that is to be made; undefined: the user must be there.
 * @throws ImagectlError USER_UNKNOWN, DUPLICATE when a user that is there was to be made, FILE_NOT_EDITABLE.
 */
export function addUserKeys(
  { text, fileName, cluster }: ClusterText,
  name: string,
  keys: readonly string[],
  uid: number | undefined,
): ClusterEdit {
  const nodes = cluster.nodes.map((node) => node.name);
  const edited = (edit: YamlEdit): ClusterEdit => ({
    text: editYaml(text, fileName, edit),
    nodes,
    notes: [],
  });
  const user = cluster.users.find((candidate) => candidate.name === name);
  if (user === undefined) {
    if (uid === undefined) throw unknownUser(cluster, name);
    return edited({ kind: "set", path: ["users", name], value: { uid, keys } });
  }
  if (uid !== undefined && uid !== user.uid) {
    throw new ImagectlError("DUPLICATE", `${name} is a user already, with the uid ${user.uid}`, {
      hint: "A uid never changes, since files carry it. Leave --uid out to add keys",
    });
  }
  if (keys.length === 0) return { text, nodes: [], notes: [] };
  return edited({ kind: "append", path: ["users", name, "keys"], values: keys });
}

function unknownUser({ name: cluster, users }: ClusterConfig, name: string): ImagectlError {
  const free = nextUserId(users.map(({ uid }) => uid));
  const hint = hintForName(
    name,
    users.map((user) => user.name),
  );
  return new ImagectlError("USER_UNKNOWN", `the cluster ${cluster} has no user ${name}`, {
    hint: `${hint}. For a new user, add: --uid ${free} (or another that no file was ever owned by)`,
  });
}

function unknownName({ name: cluster, groups, nodes }: ClusterConfig, name: string): ImagectlError {
  const known = [...groups, ...nodes].map((entry) => entry.name);
  return new ImagectlError("NODE_UNKNOWN", `the cluster ${cluster} has no group or node ${name}`, {
    hint: hintForName(name, known),
  });
}
