/** A node's link: what its group and it say together about the cards that carry its address. Pure. */
import type { MacAddress } from "../address.ts";
import type { BondMode, Link } from "./config.ts";

/** What Ethernet carries unless it is told otherwise. Bytes; RFC 894. */
export const defaultMtu = 1500;

export type NodeLink = {
  /** Undefined: nobody said; the card's own, which is `defaultMtu`. */
  readonly mtu: number | undefined;
  readonly vlanId: number | undefined;
  readonly bondMode: BondMode | undefined;
  /** The cards: of a bond all of them, else the one that boots. */
  readonly members: readonly MacAddress[];
};

/** @returns the node's values before its group's, one by one. */
export function linkOf(
  { mac, link: own = {} }: { readonly mac: MacAddress; readonly link?: Link },
  { link: shared = {} }: { readonly link?: Link },
): NodeLink {
  const bond = { ...shared.bond, ...own.bond };
  return {
    mtu: own.mtu ?? shared.mtu,
    vlanId: (own.vlan ?? shared.vlan)?.id,
    bondMode: bond.mode,
    members: bond.members ?? [mac],
  };
}
