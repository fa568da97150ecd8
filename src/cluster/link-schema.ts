/** The shape of what the cluster file says about network cards: `link` of groups and nodes, `nics` of nodes. */
import { z } from "zod";
import { Ipv4Interface, MacAddress } from "../address.ts";
import { described } from "./described.ts";

/** 576: what every IPv4 host must take (RFC 791). 9216: the most that common cards and switches carry. Bytes. */
const mtuRange = { least: 576, most: 9216 } as const;
const Mtu = z
  .int()
  .min(mtuRange.least, `an MTU is ${mtuRange.least} to ${mtuRange.most} bytes`)
  .max(mtuRange.most, `an MTU is ${mtuRange.least} to ${mtuRange.most} bytes`);

/** IEEE 802.1Q: 0 is no VLAN, 4095 is reserved. */
const VlanId = z.int().min(1, "a VLAN has an id of 1 to 4094").max(4094, "a VLAN has an id of 1 to 4094");

const BondMode = z.enum(["802.3ad", "active-backup"]);

const common = {
  mtu: described(Mtu.exactOptional(), "bytes of the largest packet; default 1500. The switch must carry it"),
  vlan: described(
    z.strictObject({ id: described(VlanId, "1 to 4094") }).exactOptional(),
    "the nodes' network is reached by frames with this tag",
  ),
};

const mode = "802.3ad (LACP, set up on the switch) or active-backup (any switches)";

export const GroupLink = z.strictObject({
  ...common,
  bond: described(
    z.strictObject({ mode: described(BondMode.exactOptional(), mode) }).exactOptional(),
    "how the cards of each node work as one; the cards themselves are under nodes",
  ),
});

export const NodeLink = z.strictObject({
  ...common,
  bond: described(
    z
      .strictObject({
        mode: described(BondMode.exactOptional(), mode),
        members: described(
          z.array(MacAddress).min(2, "a bond has at least two cards").exactOptional(),
          "the cards' MAC addresses, that of the card that boots among them",
        ),
      })
      .exactOptional(),
    "cards that work as one",
  ),
});

export const Nic = z.strictObject({
  mac: described(MacAddress, "the card's MAC address"),
  address: described(Ipv4Interface.exactOptional(), "its address with prefix, such as 10.88.0.11/24"),
  mtu: described(Mtu.exactOptional(), "bytes of the largest packet; default 1500"),
  required: described(z.boolean().default(false), "true: a boot waits for it, 30 s at most"),
});
