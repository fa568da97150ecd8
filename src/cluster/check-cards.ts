/** The cluster's network cards: each MAC address once, bonds that hold together, other networks apart from the nodes'. */
import {
  broadcastOf,
  type Ipv4Interface,
  ipv4ToNumber,
  type MacAddress,
  subnetOf,
  subnetsMeet,
} from "../address.ts";
import type { Finding } from "../errors.ts";
import { type Claim, collisions, type Report } from "./claims.ts";
import { linkOf } from "./link.ts";
import type { LooseClusterFile } from "./schema.ts";

type LooseNode = LooseClusterFile["nodes"][string];
type CardClaim = Claim & { readonly key: MacAddress | undefined };

export function checkCards(cluster: LooseClusterFile, report: Report): Finding[] {
  const nodes = Object.entries(cluster.nodes);
  const macs = nodes.flatMap(([name, node]) => macClaims(name, node));
  return [
    ...collisions("the MAC address", macs, macHint, report),
    ...macs.flatMap((claim) => checkMac(claim, report)),
    ...nodes.flatMap(([name, node]) => checkBond(name, node, cluster, report)),
    ...checkNicAddresses(cluster, report),
  ];
}

const macHint = "Read it from the machine's label, or there: ip link";

/** The card that boots is one of its bond's, so there it is not claimed again. */
function macClaims(name: string, { mac, link, nics = {} }: LooseNode): CardClaim[] {
  const members = link?.bond?.members ?? [];
  const first = members.indexOf(mac as MacAddress);
  return [
    { key: mac, path: `nodes.${name}.mac`, owner: name },
    ...members.flatMap((member, index) =>
      index === first
        ? []
        : [{ key: member, path: `nodes.${name}.link.bond.members.${index}`, owner: `${name}'s bond` }],
    ),
    ...Object.entries(nics).map(([nic, card]) => ({
      key: card.mac,
      path: `nodes.${name}.nics.${nic}.mac`,
      owner: `${name}'s card ${nic}`,
    })),
  ];
}

/** IEEE 802: the lowest bit of the first octet says "group", which no card's own address has. */
function checkMac({ key: mac, path }: CardClaim, report: Report): Finding[] {
  if (mac === undefined) return [];
  const isGroup = (Number.parseInt(mac.slice(0, 2), 16) & 1) === 1;
  if (!isGroup && mac !== "00:00:00:00:00:00") return [];
  return [report(path, "VALUE_INVALID", `${mac} is no address of a network card`, macHint)];
}

function checkBond(name: string, node: LooseNode, cluster: LooseClusterFile, report: Report): Finding[] {
  const { mac, group: groupName, link: own } = node;
  const group = cluster.groups[groupName ?? ""];
  if (mac === undefined || group === undefined) return [];
  const { link: shared } = group;
  if (own?.bond === undefined && shared?.bond === undefined) return [];
  const link = linkOf(
    { mac, ...(own === undefined ? {} : { link: own }) },
    shared === undefined ? {} : { link: shared },
  );
  const given = own?.bond?.members;
  const refuse = (path: string, message: string, hint: string): Finding[] => [
    report(path, "BOND_INCOMPLETE", message, hint),
  ];
  if (given === undefined) {
    const hint = `Say which: nodes.${name}.link: {bond: {members: ["${mac}", "…"]}}`;
    return refuse(`nodes.${name}`, `${name} has a bond and no cards for it`, hint);
  }
  const place = `nodes.${name}.link.bond`;
  return [
    ...(link.bondMode === undefined
      ? refuse(place, `the bond of ${name} has no mode`, "Add mode: active-backup, or 802.3ad for LACP.")
      : []),
    ...(given.includes(mac)
      ? []
      : refuse(
          `${place}.members`,
          `the bond of ${name} lacks the card that boots, ${mac}`,
          `Add ${mac} to it.`,
        )),
  ];
}

type AddressClaim = Claim & { readonly address: Ipv4Interface; readonly node: string };

function checkNicAddresses(cluster: LooseClusterFile, report: Report): Finding[] {
  const { subnet } = cluster.network;
  const claims = Object.entries(cluster.nodes).flatMap(([node, { nics = {} }]) =>
    Object.entries(nics).flatMap(([nic, { address }]): AddressClaim[] =>
      address === undefined
        ? []
        : [
            {
              key: address.address,
              path: `nodes.${node}.nics.${nic}.address`,
              owner: `${node}'s card ${nic}`,
              address,
              node,
            },
          ],
    ),
  );
  const unusable = ({ path }: AddressClaim, message: string, hint: string): Finding =>
    report(path, "ADDRESS_UNUSABLE", message, hint);
  return [
    ...collisions("the address", claims, "Give one of them another address.", report),
    ...claims.flatMap((claim, index) => {
      const { address, owner, node } = claim;
      const text = `${address.address}/${address.prefixLength}`;
      const own = subnetOf(address);
      const isEdge =
        address.prefixLength < 31 &&
        [ipv4ToNumber(own.network), ipv4ToNumber(broadcastOf(own))].includes(ipv4ToNumber(address.address));
      const beside = claims.find(
        (other, place) => place < index && other.node === node && subnetsMeet(subnetOf(other.address), own),
      );
      return [
        ...(isEdge
          ? [
              unusable(
                claim,
                `${text} of ${owner} is its network's first or last address`,
                "Use one between.",
              ),
            ]
          : []),
        ...(subnet !== undefined && subnetsMeet(subnet, own)
          ? [
              unusable(
                claim,
                `the network of ${text} of ${owner} meets the nodes' network`,
                "A node has one way into each network: give the card one of another, or leave its address out.",
              ),
            ]
          : []),
        ...(beside === undefined
          ? []
          : [
              unusable(
                claim,
                `the network of ${text} of ${owner} meets that of ${beside.owner}`,
                "Give the two cards different networks, or make them a bond.",
              ),
            ]),
      ];
    }),
  ];
}
