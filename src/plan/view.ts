/** What templates see of one node: ready values, described for people in docs/roles.md. */
import { ipv4ToNumber, type MacAddress, netmaskOf } from "../address.ts";
import type { ClusterConfig, Group, Link, Nic } from "../cluster/config.ts";
import { defaultMtu, linkOf } from "../cluster/link.ts";
import { splitOsId } from "../os-id.ts";
import type { FirewallRule } from "../roles/role.ts";
import type { View } from "../template.ts";
import type { Monitoring } from "./monitoring.ts";
import type { ClusterTrust } from "./plan.ts";
import type { PlanSubject } from "./subject.ts";

export type OwnedRule = FirewallRule & { readonly role: string };

/** What a template may read without becoming part of one node: all other names put it in the node layer. */
const imageNames = new Set(["os", "params"]);

/** @returns whether something that read these names belongs to the node layer. */
export function readsNode(reads: Iterable<string>): boolean {
  return [...reads].some((name) => !imageNames.has(name));
}

export type ViewSubject = {
  readonly cluster: ClusterConfig;
  readonly group: Group;
  readonly node: PlanSubject;
  readonly trust: ClusterTrust;
  readonly firewall: readonly OwnedRule[];
  readonly monitoring: Monitoring;
};

/** @returns the view without `params`, which are each role's own. Lists are sorted: order in the file decides nothing. */
export function makeView({ cluster, group, node, trust, firewall, monitoring }: ViewSubject): View {
  const { domain, subnet, bastion } = cluster;
  const fqdn = (hostname: string): string => `${hostname}.${domain}`;
  const users = [...cluster.users]
    .sort((left, right) => left.uid - right.uid)
    .map(({ name, uid, admin, keys }) => ({ name, uid, isAdmin: admin, keys }));
  const rules = firewall.flatMap((rule) => viewRule(rule, cluster, node));
  return {
    os: { id: group.os, ...splitOsId(group.os) },
    node: {
      hostname: node.name,
      domain,
      fqdn: fqdn(node.name),
      ...(node.mac === undefined ? {} : viewCards({ ...node, mac: node.mac }, group)),
      address: node.address,
      prefixLength: subnet.prefixLength,
      kernelArguments: group.kernelArguments,
    },
    group: { name: group.name },
    bastion: {
      hostname: bastion.hostname,
      fqdn: fqdn(bastion.hostname),
      address: bastion.address,
      interface: bastion.interface,
      ...trust,
    },
    network: {
      subnet: `${subnet.network}/${subnet.prefixLength}`,
      prefixLength: subnet.prefixLength,
      netmask: netmaskOf(subnet),
      domain,
      dns: cluster.dns,
      hasDns: cluster.dns.length > 0,
      gateway: cluster.gateway ?? "",
      hasGateway: cluster.gateway !== undefined,
      outsider: cluster.outsider,
    },
    all: {
      users,
      admins: users.filter((user) => user.isAdmin),
      nodes: [...cluster.nodes]
        .sort((left, right) => ipv4ToNumber(left.address) - ipv4ToNumber(right.address))
        .map(({ name, address }) => ({ hostname: name, fqdn: fqdn(name), address })),
      firewall: {
        in: rules.filter((rule) => rule.direction === "in"),
        out: rules.filter((rule) => rule.direction === "out"),
      },
      scrapes: monitoring.scrapes,
      alerts: monitoring.alerts,
    },
  };
}

type Cards = { readonly mac: MacAddress; readonly link?: Link; readonly nics: readonly Nic[] };

/** The bastion has none of these: its cards are the operator's. */
function viewCards(node: Cards, group: Group) {
  const nics = [...node.nics].sort((left, right) => (left.name < right.name ? -1 : 1)).map(viewNic);
  return { mac: node.mac, link: viewLink(node, group), nics };
}

/** A value that is not there is empty, so that a template can ask for it by `has…` alone. */
function viewLink(node: Cards, group: Group) {
  const { mtu, vlanId, bondMode, members } = linkOf(node, group);
  return {
    hasMtu: mtu !== undefined,
    mtu: mtu ?? defaultMtu,
    hasVlan: vlanId !== undefined,
    vlanId: vlanId ?? "",
    hasBond: bondMode !== undefined,
    bondMode: bondMode ?? "",
    isLacp: bondMode === "802.3ad",
    isPlain: vlanId === undefined && bondMode === undefined,
    members,
    macs: members.join(" "),
  };
}

function viewNic({ name, mac, address, mtu, required }: Nic) {
  return {
    name,
    mac,
    hasAddress: address !== undefined,
    address: address === undefined ? "" : `${address.address}/${address.prefixLength}`,
    mtu: mtu ?? defaultMtu,
    isRequired: required,
  };
}

/** The bastion has other networks as well, and DHCP comes from no address: there, nodes are an interface. */
function viewRule(rule: OwnedRule, cluster: ClusterConfig, node: PlanSubject) {
  const { bastion, subnet } = cluster;
  const { direction, protocol, port, peer, comment, role } = rule;
  const hasInterface = peer === "nodes" && node.isBastion;
  const shown = {
    ...{ direction, protocol, port, comment, role, hasInterface },
    hasPort: port !== "any",
    isBastionOnly: peer === "bastion",
    interface: hasInterface ? bastion.interface : "any",
  };
  if (peer === "group") {
    return addressesOfGroup(cluster, node).map((peerAddress) => ({
      ...shown,
      hasPeerAddress: true,
      peerAddress,
    }));
  }
  const peerAddress = peer === "bastion" ? bastion.address : `${subnet.network}/${subnet.prefixLength}`;
  const hasPeerAddress = peer !== "anyone" && !hasInterface;
  return [{ ...shown, hasPeerAddress, peerAddress: hasPeerAddress ? peerAddress : "any" }];
}

/** Of the other nodes of its group, those of their further cards as well: there is the fabric of a job that spans nodes. */
function addressesOfGroup({ nodes }: ClusterConfig, { name, group }: PlanSubject): string[] {
  return nodes
    .filter((other) => other.group === group && other.name !== name)
    .flatMap(({ address, nics }) => [address, ...nics.flatMap((nic) => nic.address?.address ?? [])])
    .sort((left, right) => ipv4ToNumber(left) - ipv4ToNumber(right));
}

/** Every role's rules as they hold for this machine, by port: the order of roles decides nothing. */
export function collectFirewall(
  roles: readonly { readonly role: { readonly name: string; readonly firewall: readonly FirewallRule[] } }[],
  { isBastion }: Pick<PlanSubject, "isBastion">,
): OwnedRule[] {
  const rules = roles.flatMap(({ role }) => role.firewall.map((rule) => ({ ...rule, role: role.name })));
  return rules
    .flatMap((rule): OwnedRule[] => {
      if (rule.peer === "group") return [rule];
      const { onBastion, ...rest } = rule;
      if (!isBastion) return [rest];
      const peer = onBastion ?? rule.peer;
      return peer === "bastion" ? [] : [{ ...rest, peer }];
    })
    .sort((left, right) => portOrder(left) - portOrder(right) || (ruleKey(left) < ruleKey(right) ? -1 : 1));
}

function portOrder({ port }: FirewallRule): number {
  return port === "any" ? 0 : port;
}

function ruleKey(rule: FirewallRule): string {
  return `${rule.direction} ${rule.protocol}`;
}
