/** A first cluster file: what was asked, and the addresses that follow from it, as the view of its template. Pure. */
import {
  broadcastOf,
  type Ipv4Address,
  type Ipv4Subnet,
  ipv4FromNumber,
  ipv4ToNumber,
  type MacAddress,
} from "../address.ts";
import { ImagectlError } from "../errors.ts";
import type { View } from "../template.ts";
import type { Group, OsId } from "./config.ts";
import { userIds } from "./names.ts";

export type DraftNode = { readonly name: string; readonly mac: MacAddress };

export type Draft = {
  readonly name: string;
  readonly domain: string;
  readonly interface: string;
  /** The bastion's address on it. */
  readonly address: Ipv4Address;
  readonly subnet: Ipv4Subnet;
  readonly user: string;
  /** Lines of public keys, checked. */
  readonly keys: readonly string[];
  readonly os: OsId;
  readonly roles: readonly string[];
  /** What keeps the bastion; undefined: it is kept by hand. */
  readonly bastionGroup: Pick<Group, "name" | "os" | "roles" | "params"> | undefined;
  readonly nodes: readonly DraftNode[];
  /** Where the page about the file lies. */
  readonly guide: string;
  /** What editors read the file's schema from: a path or a URL. */
  readonly schema: string;
};

/** The group that every node of a first file is in; a name to be changed. */
const firstGroup = "gpu";

/** Nodes begin at .11 where there is room: the low addresses are routers and bastions. */
const firstNodeOffset = 11;

/** @throws ImagectlError ADDRESS_UNUSABLE when the subnet has too few addresses for all of it. */
export function draftView(draft: Draft): View {
  const { subnet, nodes } = draft;
  const taken = new Set<Ipv4Address>([draft.address]);
  const outsider = takeAddress(subnet, taken, "last");
  const addresses = (nodes.length === 0 ? [undefined] : nodes).map(() => takeAddress(subnet, taken, "first"));
  return {
    ...draft,
    subnet: `${subnet.network}/${subnet.prefixLength}`,
    dns: "[]",
    uid: userIds.first + 1,
    // In quotes: a comment of a key may hold anything that YAML has a meaning for.
    keys: draft.keys.map((line) => JSON.stringify(line)),
    group: firstGroup,
    roles: draft.roles.join(", "),
    bastionGroup: viewGroup(draft.bastionGroup),
    outsider,
    firstNodeAddress: addresses[0],
    hasNodes: nodes.length > 0,
    nodes: nodes.map(({ name, mac }, index) => ({ name, mac, address: addresses[index], group: firstGroup })),
  };
}

/** JSON is YAML on one line. */
function viewGroup(group: Draft["bastionGroup"]): View {
  if (group === undefined) return { isKept: false };
  const { name, os, roles, params } = group;
  return { isKept: true, name, os, roles: roles.join(", "), params: JSON.stringify(params) };
}

function takeAddress(subnet: Ipv4Subnet, taken: Set<Ipv4Address>, end: "first" | "last"): Ipv4Address {
  const first = ipv4ToNumber(subnet.network) + 1;
  const last = ipv4ToNumber(broadcastOf(subnet)) - 1;
  const start = Math.min(first + firstNodeOffset - 1, last);
  const upwards = [...range(start, last), ...range(first, start - 1)];
  const order = end === "first" ? upwards : range(Math.max(first, last - 1_023), last).reverse();
  const free = order.map(ipv4FromNumber).find((address) => !taken.has(address));
  if (free === undefined) {
    throw new ImagectlError(
      "ADDRESS_UNUSABLE",
      `${subnet.network}/${subnet.prefixLength} has no free address left`,
      {
        hint: "Give the bastion's interface an address of a larger network, such as a /24.",
      },
    );
  }
  taken.add(free);
  return free;
}

/** At most as many addresses as any cluster of ours has: a /8 has sixteen million. */
function range(first: number, last: number): number[] {
  const count = Math.min(Math.max(0, last - first + 1), 1_024);
  return Array.from({ length: count }, (_unused, index) => first + index);
}
