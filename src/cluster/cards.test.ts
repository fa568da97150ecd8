/** Network cards in the cluster file: links, bonds and other cards; what they become and what is refused. */
import { describe, expect, test } from "vitest";
import { linkOf } from "./link.ts";
import { parseCluster } from "./parse.ts";

const mac = (last: string) => `52:54:00:77:00:${last}`;

/** One node's lines and the group's link; node2 is plain. */
function textOf({ link = "", node1 = "", node2 = "" }: { link?: string; node1?: string; node2?: string }) {
  return `cluster: lab
network: {subnet: 10.77.0.0/24, domain: cluster, dns: [], outsider: 10.77.0.250}
bastion: {hostname: bastion, address: 10.77.0.1, interface: eth1}
groups:
  gpu: {os: debian-12, method: golden, roles: []${link}}
nodes:
  node1: {mac: "${mac("11")}", address: 10.77.0.11, group: gpu${node1}}
  node2: {mac: "${mac("12")}", address: 10.77.0.12, group: gpu${node2}}
`;
}

const bond = (...members: string[]) => `{bond: {members: ["${members.join('", "')}"]}}`;
const storage = (address: string, last = "31") => `{storage: {mac: "${mac(last)}", address: ${address}}}`;

describe("a good file", () => {
  const { cluster, findings } = parseCluster(
    textOf({
      link: ", link: {mtu: 9000, bond: {mode: active-backup}}",
      node1: `, link: ${bond(mac("11"), mac("21"))}, nics: {storage: {mac: "${mac("31")}", address: 10.88.0.11/24, mtu: 9216}, fabric: {mac: 52-54-00-77-00-41, required: true}}`,
      node2: `, link: {mtu: 1400, vlan: {id: 7}, bond: {mode: 802.3ad, members: ["${mac("22")}", "${mac("12")}"]}}`,
    }),
    "c.yaml",
  );
  const [group] = cluster?.groups ?? [];
  const links = cluster?.nodes.map((node) => linkOf(node, group ?? {}));

  test("has no findings", () => {
    expect(findings).toEqual([]);
  });
  test("a node's values go before its group's, one by one", () => {
    expect(links).toEqual([
      { mtu: 9000, vlanId: undefined, bondMode: "active-backup", members: [mac("11"), mac("21")] },
      { mtu: 1400, vlanId: 7, bondMode: "802.3ad", members: [mac("22"), mac("12")] },
    ]);
  });
  test("other cards become a list, optional unless it is said", () => {
    expect(cluster?.nodes[0]?.nics).toEqual([
      {
        name: "storage",
        mac: mac("31"),
        address: { address: "10.88.0.11", prefixLength: 24 },
        mtu: 9216,
        required: false,
      },
      { name: "fabric", mac: mac("41"), required: true },
    ]);
  });
  test("a node of which nothing is said has its one card", () => {
    const { cluster: plain } = parseCluster(textOf({}), "c.yaml");
    expect(plain?.nodes[0]?.nics).toEqual([]);
    expect(linkOf(plain?.nodes[0] as never, plain?.groups[0] as never)).toEqual({
      mtu: undefined,
      vlanId: undefined,
      bondMode: undefined,
      members: [mac("11")],
    });
  });
});

const active = ", link: {bond: {mode: active-backup}}";

test.each<[string, Parameters<typeof textOf>[0], string, string]>([
  [
    "a card that boots another node",
    { node1: `, nics: ${storage("10.88.0.1/24", "12")}` },
    "DUPLICATE",
    "node1's card storage",
  ],
  [
    "a card in two bonds",
    {
      link: active,
      node1: `, link: ${bond(mac("11"), mac("21"))}`,
      node2: `, link: ${bond(mac("12"), mac("21"))}`,
    },
    "DUPLICATE",
    "node2's bond",
  ],
  [
    "a card twice in one bond",
    {
      link: active,
      node1: `, link: ${bond(mac("11"), mac("11"))}`,
      node2: `, link: ${bond(mac("12"), mac("22"))}`,
    },
    "DUPLICATE",
    "node1's bond",
  ],
  [
    "a card in a bond and beside it",
    {
      link: active,
      node1: `, link: ${bond(mac("11"), mac("31"))}, nics: ${storage("10.88.0.1/24")}`,
      node2: `, link: ${bond(mac("12"), mac("22"))}`,
    },
    "DUPLICATE",
    "node1's card storage",
  ],
  [
    "a bond without the card that boots",
    {
      link: active,
      node1: `, link: ${bond(mac("21"), mac("31"))}`,
      node2: `, link: ${bond(mac("12"), mac("22"))}`,
    },
    "BOND_INCOMPLETE",
    "lacks the card that boots",
  ],
  [
    "a group of bonds and a node without cards for one",
    { link: active, node1: `, link: ${bond(mac("11"), mac("21"))}` },
    "BOND_INCOMPLETE",
    "node2 has a bond and no cards for it",
  ],
  [
    "a bond without a mode",
    { node1: `, link: ${bond(mac("11"), mac("21"))}` },
    "BOND_INCOMPLETE",
    "the bond of node1 has no mode",
  ],
  ["a bond of one card", { node1: ", link: {bond: {members: []}}" }, "VALUE_INVALID", "at least two cards"],
  ["a VLAN beyond 4094", { link: ", link: {vlan: {id: 4095}}" }, "VALUE_INVALID", "1 to 4094"],
  ["VLAN 0", { node1: ", link: {vlan: {id: 0}}" }, "VALUE_INVALID", "1 to 4094"],
  ["a packet too small", { link: ", link: {mtu: 575}" }, "VALUE_INVALID", "576 to 9216"],
  ["a packet too large", { link: ", link: {mtu: 9217}" }, "VALUE_INVALID", "576 to 9216"],
  ["cards of a group's bond", { link: `, link: ${bond(mac("11"), mac("21"))}` }, "KEY_UNKNOWN", "members"],
  [
    "an address without its prefix",
    { node1: `, nics: ${storage("10.88.0.11")}` },
    "VALUE_INVALID",
    "10.88.0.11/24",
  ],
  [
    "a network's own address",
    { node1: `, nics: ${storage("10.88.0.0/24")}` },
    "ADDRESS_UNUSABLE",
    "first or last address",
  ],
  [
    "a card in the nodes' network",
    { node1: `, nics: ${storage("10.77.0.99/24")}` },
    "ADDRESS_UNUSABLE",
    "meets the nodes' network",
  ],
  [
    "a network around the nodes' network",
    { node1: `, nics: ${storage("10.1.2.3/8")}` },
    "ADDRESS_UNUSABLE",
    "meets the nodes' network",
  ],
  [
    "two cards in one network",
    {
      node1: `, nics: {a: {mac: "${mac("31")}", address: 10.88.0.1/24}, b: {mac: "${mac("32")}", address: 10.88.0.2/16}}`,
    },
    "ADDRESS_UNUSABLE",
    "meets that of node1's card a",
  ],
  [
    "one address twice",
    { node1: `, nics: ${storage("10.88.0.1/24")}`, node2: `, nics: ${storage("10.88.0.1/24", "32")}` },
    "DUPLICATE",
    "the address 10.88.0.1 of node2's card storage",
  ],
  [
    "a group address as a card's",
    { node1: ', nics: {storage: {mac: "53:54:00:77:00:31"}}' },
    "VALUE_INVALID",
    "no address of a network card",
  ],
  [
    "a name that is none",
    { node1: `, nics: {"a b": {mac: "${mac("31")}"}}` },
    "NAME_INVALID",
    "nodes.node1.nics",
  ],
])("%s is refused", (_what, parts, code, message) => {
  const { findings, cluster } = parseCluster(textOf(parts), "c.yaml");
  expect(cluster).toBeUndefined();
  expect(findings.map((finding) => `${finding.code} ${finding.message}`)).toEqual([
    expect.stringMatching(new RegExp(`^${code} .*${message.replaceAll(/[.*+?()]/g, "\\$&")}`)),
  ]);
  expect(findings[0]?.where).toMatch(/^c\.yaml:[5-8]:[0-9]+$/);
});
