/** What no single line of the cluster file can know: names, numbers and addresses that must not meet. */
import type { Finding } from "../errors.ts";
import { hintForName } from "../nearest.ts";
import type { YamlFile } from "../yaml-file.ts";
import { checkAddresses } from "./check-addresses.ts";
import { checkCards } from "./check-cards.ts";
import { collisions, type Report } from "./claims.ts";
import { complainAboutLabel, complainAboutUserName, nextUserId } from "./names.ts";
import type { LooseClusterFile } from "./schema.ts";

/**
 * @param file for the places of findings.
 * @param cluster what of it could be read; entries that could not are undefined and reported elsewhere.
 */
export function checkAcrossFile(file: YamlFile, cluster: LooseClusterFile): Finding[] {
  const report: Report = (path, code, message, hint) => ({
    code,
    where: file.where(path),
    message,
    hint,
    severity: "error",
  });
  return [
    ...checkNames(cluster, file),
    ...checkDuplicates(cluster, report),
    ...checkAddresses(cluster, report),
    ...checkCards(cluster, report),
    ...checkGroupOfNodes(cluster, report),
    ...checkGroupOfBastion(cluster, report),
    ...checkRolesOfGroups(cluster, report),
  ];
}

function checkNames(cluster: LooseClusterFile, file: YamlFile): Finding[] {
  const sections = [
    { section: ["users"], names: Object.keys(cluster.users), complain: complainAboutUserName },
    { section: ["groups"], names: Object.keys(cluster.groups), complain: complainAboutLabel },
    { section: ["nodes"], names: Object.keys(cluster.nodes), complain: complainAboutLabel },
    ...Object.entries(cluster.nodes).map(([name, { nics = {} }]) => ({
      section: ["nodes", name, "nics"],
      names: Object.keys(nics),
      complain: complainAboutLabel,
    })),
  ];
  return sections.flatMap(({ section, names, complain }) =>
    names.flatMap((name): Finding[] => {
      const complaint = complain(name);
      if (complaint === undefined) return [];
      const where = file.whereKey([...section, name]);
      const message = `${section.join(".")}: ${JSON.stringify(name)}: ${complaint.message}`;
      return [{ code: "NAME_INVALID", where, message, hint: complaint.hint, severity: "error" }];
    }),
  );
}

function checkDuplicates(cluster: LooseClusterFile, report: Report): Finding[] {
  const users = Object.entries(cluster.users);
  const nodes = Object.entries(cluster.nodes);
  const uids = users.map(([name, { uid }]) => ({
    key: uid === undefined ? undefined : String(uid),
    path: `users.${name}.uid`,
    owner: name,
  }));
  const hostnames = [
    { key: cluster.bastion.hostname, path: "bastion.hostname", owner: "the bastion" },
    ...nodes.map(([name]) => ({ key: name, path: `nodes.${name}`, owner: `the node ${name}` })),
  ];
  const targets = [
    ...Object.keys(cluster.groups).map((name) => ({
      key: name,
      path: `groups.${name}`,
      owner: `the group ${name}`,
    })),
    ...nodes.map(([name]) => ({ key: name, path: `nodes.${name}`, owner: `the node ${name}` })),
  ];
  const nextUid = nextUserId(users.flatMap(([, { uid }]) => uid ?? []));
  return [
    ...collisions("the uid", uids, `Give one of them an id that was never used, such as ${nextUid}`, report),
    ...collisions("the host name", hostnames, "Rename one of them.", report),
    ...collisions(
      "the name",
      targets,
      "Rename one: commands take either, so a name must mean one of them.",
      report,
    ),
  ];
}

function checkGroupOfNodes(cluster: LooseClusterFile, report: Report): Finding[] {
  const names = Object.keys(cluster.groups);
  return Object.entries(cluster.nodes).flatMap(([name, { group }]) => {
    if (group === undefined || names.includes(group)) return [];
    const message = `the node ${name} is in a group that does not exist: ${group}`;
    return [report(`nodes.${name}.group`, "GROUP_UNKNOWN", message, hintForName(group, names))];
  });
}

/** Nothing may ever overwrite the bastion's disk, so no other method makes sense for it. */
function checkGroupOfBastion({ bastion, groups }: LooseClusterFile, report: Report): Finding[] {
  const { group } = bastion;
  if (group === undefined) return [];
  const names = Object.keys(groups);
  if (!names.includes(group)) {
    const message = `the bastion is in a group that does not exist: ${group}`;
    return [report("bastion.group", "GROUP_UNKNOWN", message, hintForName(group, names))];
  }
  const method = groups[group]?.method;
  if (method === undefined || method === "none") return [];
  const message = `the bastion is in the group ${group}, which is deployed by ${method}`;
  return [report("bastion.group", "VALUE_INVALID", message, "Give it a group of its own, with method: none")];
}

function checkRolesOfGroups(cluster: LooseClusterFile, report: Report): Finding[] {
  return Object.entries(cluster.groups).flatMap(([name, { roles = [], params = {} }]) => {
    const twice = [...roles.keys()].filter((index) => roles.indexOf(roles[index] as string) !== index);
    const unused = Object.keys(params).filter((role) => !roles.includes(role));
    return [
      ...twice.map((index) =>
        report(
          `groups.${name}.roles.${index}`,
          "DUPLICATE",
          `the group ${name} lists ${roles[index]} twice`,
          "Keep one of the two: the order of this list decides nothing.",
        ),
      ),
      ...unused.map((role) =>
        report(
          `groups.${name}.params.${role}`,
          "PARAM_UNUSED",
          `parameters for ${role}, a role that the group ${name} does not have`,
          `Add it to groups.${name}.roles. ${hintForName(role, roles)}`,
        ),
      ),
    ];
  });
}
