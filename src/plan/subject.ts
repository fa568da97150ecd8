/** Whom a plan is for: a node of the cluster file, or the bastion itself. */
import type { ClusterConfig, Node } from "../cluster/config.ts";
import { type Finding, ImagectlError } from "../errors.ts";
import { hintForName } from "../nearest.ts";
import type { Check } from "../roles/role.ts";
import type { SelectedRole } from "./select.ts";

export type PlanSubject = Omit<Node, "mac"> & {
  /** The card that it boots from; nobody boots the bastion. */
  readonly mac?: Node["mac"];
  readonly isBastion: boolean;
};

/** What commands may call the bastion, whatever its host name is. */
const bastionAlias = "bastion";

/** @returns whether `name` is how the operator calls the bastion. */
export function isBastionName({ bastion, nodes }: ClusterConfig, name: string): boolean {
  return name === bastion.hostname || (name === bastionAlias && nodes.every((node) => node.name !== name));
}

/** @throws ImagectlError NODE_UNKNOWN; also for a bastion that is in no group, with how to give it one. */
export function findSubject(cluster: ClusterConfig, name: string): PlanSubject {
  const node = cluster.nodes.find((each) => each.name === name);
  if (node !== undefined) return { ...node, isBastion: false };
  const bastion = bastionOf(cluster);
  if (isBastionName(cluster, name)) {
    if (bastion !== undefined) return bastion;
    throw new ImagectlError("NODE_UNKNOWN", `the bastion ${cluster.bastion.hostname} has no plan`, {
      hint: "Name a group with method: none under bastion.group; see docs/bastion.md",
    });
  }
  const names = cluster.nodes.map((each) => each.name);
  throw new ImagectlError("NODE_UNKNOWN", `the cluster ${cluster.name} has no node ${name}`, {
    hint:
      names.length === 0
        ? "It has no nodes yet. Add some to the cluster file, under nodes: a mac, an address and a group each."
        : hintForName(name, [...names, ...(bastion === undefined ? [] : [bastion.name])]),
  });
}

/** @returns undefined for a bastion that the operator keeps by hand. */
export function bastionOf({ bastion }: ClusterConfig): PlanSubject | undefined {
  const { hostname, address, group } = bastion;
  return group === undefined ? undefined : { name: hostname, address, group, nics: [], isBastion: true };
}

/** All that plans are made for: the nodes, and the bastion where it has one. */
export function subjectsOf(cluster: ClusterConfig): PlanSubject[] {
  const bastion = bastionOf(cluster);
  const nodes = cluster.nodes.map((node) => ({ ...node, isBastion: false }));
  return bastion === undefined ? nodes : [...nodes, bastion];
}

/** From itself, a firewall lets everything in, so only another machine can see what the bastion refuses. */
const anotherMachine = "another-machine";

/** @returns the checks as they can be run on the bastion: those from elsewhere say what they need. */
export function checksOfBastion(checks: readonly Check[]): Check[] {
  return checks.map((check) =>
    check.from === "node" ? check : { ...check, needs: [...check.needs, anotherMachine] },
  );
}

/**
 * A role that reads `node.mac`, `node.link` or `node.nics` sets up the card that a node boots from. On the bastion that would be its own
 * uplink, which is the operator's.
 * @param findings of laying it out. @returns them, each such role with one that says so.
 */
export function explainForBastion(
  findings: readonly Finding[],
  roles: readonly SelectedRole[],
  group: { readonly name: string; readonly roles: readonly string[] },
  where: (path: string) => string,
): Finding[] {
  const isAboutCards = ({ code, message }: Finding) =>
    code === "TEMPLATE_UNKNOWN_NAME" && /node\.(mac|link|nics)\b/.test(message);
  const others = findings.filter((finding) => !isAboutCards(finding));
  const refused = roles.filter(({ role }) =>
    findings.some((finding) => isAboutCards(finding) && finding.where.startsWith(`${role.source}/`)),
  );
  return [
    ...others,
    ...refused.map(
      ({ role }): Finding => ({
        code: "ROLE_NOT_FOR_BASTION",
        where: where(`groups.${group.name}.roles.${group.roles.indexOf(role.name)}`),
        message: `the role ${role.name} sets up the card that a node boots from (node.mac); the bastion has none, and its networks stay the operator's`,
        hint: `Take ${role.name} out of groups.${group.name}.roles`,
        severity: "error",
      }),
    ),
  ];
}
