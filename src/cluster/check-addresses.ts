/** The cluster's addresses: inside the subnet, usable, used once, and outside the pool. */
import { broadcastOf, type Ipv4Address, type Ipv4Subnet, ipv4ToNumber, subnetContains } from "../address.ts";
import type { Finding } from "../errors.ts";
import { type Claim, collisions, type Report } from "./claims.ts";
import type { LooseClusterFile } from "./schema.ts";

export function checkAddresses(cluster: LooseClusterFile, report: Report): Finding[] {
  const { subnet, gateway, pool, outsider } = cluster.network;
  const claims: AddressClaim[] = [
    { key: cluster.bastion.address, path: "bastion.address", owner: "the bastion" },
    { key: outsider, path: "network.outsider", owner: "the outsider" },
    ...Object.entries(cluster.nodes).map(([name, { address }]) => ({
      key: address,
      path: `nodes.${name}.address`,
      owner: `the node ${name}`,
    })),
  ];
  const router: AddressClaim = { key: gateway, path: "network.gateway", owner: "the gateway" };
  // The bastion may well be the nodes' way out; nothing else may share an address.
  const exclusive = gateway === cluster.bastion.address ? claims : [router, ...claims];
  const bounds: AddressClaim[] = [
    { key: pool?.first, path: "network.pool.first", owner: "the pool's first address" },
    { key: pool?.last, path: "network.pool.last", owner: "the pool's last address" },
  ];
  const elsewhere =
    subnet === undefined
      ? "Give one of them another address."
      : `Give one of them another address of ${subnetText(subnet)}`;
  return [
    ...collisions("the address", exclusive, elsewhere, report),
    ...(subnet === undefined
      ? []
      : [router, ...claims, ...bounds].flatMap((claim) => checkInSubnet(claim, subnet, report))),
    ...(pool === undefined ? [] : checkPool(pool, exclusive, report)),
  ];
}

type AddressClaim = Claim & { readonly key: Ipv4Address | undefined };

function checkInSubnet(claim: AddressClaim, subnet: Ipv4Subnet, report: Report): Finding[] {
  const { key: address, path, owner } = claim;
  if (address === undefined) return [];
  const outside = (reason: string) => [
    report(
      path,
      "ADDRESS_UNUSABLE",
      `${address} of ${owner} ${reason}`,
      `Use an address inside ${subnetText(subnet)}`,
    ),
  ];
  if (!subnetContains(subnet, address)) return outside(`is outside the subnet ${subnetText(subnet)}`);
  if (address === subnet.network) return outside("is the network's own address");
  if (address === broadcastOf(subnet)) return outside("is the broadcast address");
  return [];
}

function checkPool(
  pool: { readonly first: Ipv4Address; readonly last: Ipv4Address },
  claims: readonly AddressClaim[],
  report: Report,
): Finding[] {
  const [first, last] = [ipv4ToNumber(pool.first), ipv4ToNumber(pool.last)];
  if (first > last) {
    return [
      report(
        "network.pool.first",
        "ADDRESS_UNUSABLE",
        "the pool ends before it starts",
        "Swap first and last.",
      ),
    ];
  }
  return claims.flatMap(({ key: address, path, owner }) => {
    const isInside = address !== undefined && first <= ipv4ToNumber(address) && ipv4ToNumber(address) <= last;
    if (!isInside) return [];
    const message = `${address} of ${owner} lies in the pool ${pool.first} to ${pool.last}`;
    return [report(path, "ADDRESS_UNUSABLE", message, "Move it, or make the pool smaller: network.pool")];
  });
}

function subnetText(subnet: Ipv4Subnet): string {
  return `${subnet.network}/${subnet.prefixLength}`;
}
