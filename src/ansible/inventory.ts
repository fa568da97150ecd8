/** The cluster file as Ansible sees it: an inventory, as a program that answers and as files that lie still. Pure. */
import type { ClusterConfig } from "../cluster/config.ts";

export type HostVars = {
  readonly ansible_host: string;
  readonly imagectl_os: string;
  readonly imagectl_mac?: string;
};

export type GroupVars = {
  readonly imagectl_group: string;
  readonly imagectl_method: string;
  readonly imagectl_roles: readonly string[];
};

export type AnsibleInventory = {
  readonly hosts: Readonly<Record<string, HostVars>>;
  readonly groups: Readonly<Record<string, { readonly hosts: readonly string[]; readonly vars: GroupVars }>>;
  /** Nodes, without the bastion. */
  readonly nodes: readonly string[];
};

/** The group of all nodes: what the exported playbook is for. */
export const nodesGroup = "imagectl_nodes";

/** Names of users are not in it: who logs in is the business of who calls Ansible. */
export function makeInventory({ bastion, groups, nodes }: ClusterConfig): AnsibleInventory {
  const osOf = (group: string): string => groups.find(({ name }) => name === group)?.os ?? "";
  const hosts = Object.fromEntries<HostVars>(
    nodes.map(({ name, address, mac, group, os = osOf(group) }) => [
      name,
      { ansible_host: address, imagectl_os: os, imagectl_mac: mac },
    ]),
  );
  if (bastion.group !== undefined) {
    hosts[bastion.hostname] = { ansible_host: bastion.address, imagectl_os: osOf(bastion.group) };
  }
  const members = (group: string): string[] => [
    ...(bastion.group === group ? [bastion.hostname] : []),
    ...nodes.filter((node) => node.group === group).map(({ name }) => name),
  ];
  return {
    hosts,
    groups: Object.fromEntries(
      groups.map(({ name, method, roles }) => [
        groupName(name),
        {
          hosts: members(name),
          vars: { imagectl_group: name, imagectl_method: method, imagectl_roles: roles },
        },
      ]),
    ),
    nodes: nodes.map(({ name }) => name),
  };
}

/** Ansible takes Python's identifiers for groups; ours are labels, whose one other sign is the hyphen. */
function groupName(name: string): string {
  const replaced = name.replaceAll("-", "_");
  return /^[0-9]/.test(replaced) ? `_${replaced}` : replaced;
}

/**
 * What an inventory program answers to `--list`.
 * Source: docs.ansible.com, Developer Guide, "Developing dynamic inventory".
 */
export function dynamicInventory({ hosts, groups, nodes }: AnsibleInventory): object {
  return {
    _meta: { hostvars: hosts },
    all: { children: [...Object.keys(groups), nodesGroup] },
    ...groups,
    [nodesGroup]: { hosts: nodes },
  };
}

/** The same as files beside a playbook, by path below its folder. JSON is YAML, and quotes what must be. */
export function inventoryFiles({ hosts, groups, nodes }: AnsibleInventory): ReadonlyMap<string, string> {
  const named = (names: readonly string[]) => ({
    hosts: Object.fromEntries(names.map((name) => [name, hosts[name] ?? {}])),
  });
  const children = Object.fromEntries(
    Object.entries(groups).map(([name, group]) => [name, named(group.hosts)]),
  );
  const tree = { all: { children: { ...children, [nodesGroup]: named(nodes) } } };
  return new Map([
    ["hosts.json", jsonText(tree)],
    ...Object.entries(groups).map(([name, { vars }]) => [`group_vars/${name}.json`, jsonText(vars)] as const),
  ]);
}

function jsonText(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
