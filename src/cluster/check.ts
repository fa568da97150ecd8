/** What no single line of the cluster file can know: names, numbers and addresses that must not meet. */
import {
  broadcastOf,
  type Ipv4Address,
  type Ipv4Subnet,
  ipv4ToNumber,
  type MacAddress,
  subnetContains,
} from "../address.ts";
import type { ErrorCode } from "../error-codes.ts";
import type { Finding } from "../errors.ts";
import { hintForName } from "../nearest.ts";
import type { YamlFile } from "../yaml-file.ts";
import { complainAboutLabel, complainAboutUserName, userIds } from "./names.ts";
import type { LooseClusterFile } from "./schema.ts";

type Report = (path: string, code: ErrorCode, message: string, hint: string) => Finding;

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
    ...checkMacs(cluster, report),
    ...checkGroupOfNodes(cluster, report),
    ...checkRolesOfGroups(cluster, report),
  ];
}

function checkNames(cluster: LooseClusterFile, file: YamlFile): Finding[] {
  const sections = [
    { section: "users", names: Object.keys(cluster.users), complain: complainAboutUserName },
    { section: "groups", names: Object.keys(cluster.groups), complain: complainAboutLabel },
    { section: "nodes", names: Object.keys(cluster.nodes), complain: complainAboutLabel },
  ];
  return sections.flatMap(({ section, names, complain }) =>
    names.flatMap((name): Finding[] => {
      const complaint = complain(name);
      if (complaint === undefined) return [];
      const where = file.whereKey([section, name]);
      const message = `${section}: ${JSON.stringify(name)}: ${complaint.message}`;
      return [{ code: "NAME_INVALID", where, message, hint: complaint.hint, severity: "error" }];
    }),
  );
}

/** Something that one thing claims and no second one may: `key` is what must differ. */
type Claim = { readonly key: string | undefined; readonly path: string; readonly owner: string };

function collisions(what: string, claims: readonly Claim[], hint: string, report: Report): Finding[] {
  const owners = new Map<string, string>();
  return claims.flatMap(({ key, path, owner }) => {
    if (key === undefined) return [];
    const first = owners.get(key);
    if (first === undefined) owners.set(key, owner);
    return first === undefined
      ? []
      : [report(path, "DUPLICATE", `${what} ${key} of ${owner} is already that of ${first}`, hint)];
  });
}

function checkDuplicates(cluster: LooseClusterFile, report: Report): Finding[] {
  const users = Object.entries(cluster.users);
  const nodes = Object.entries(cluster.nodes);
  const uids = users.map(([name, { uid }]) => ({
    key: uid === undefined ? undefined : String(uid),
    path: `users.${name}.uid`,
    owner: name,
  }));
  const macs = nodes.map(([name, { mac }]) => ({ key: mac, path: `nodes.${name}.mac`, owner: name }));
  const hostnames = [
    { key: cluster.bastion.hostname, path: "bastion.hostname", owner: "the bastion" },
    ...nodes.map(([name]) => ({ key: name, path: `nodes.${name}`, owner: `the node ${name}` })),
  ];
  const nextUid = Math.max(...users.map(([, { uid }]) => uid ?? 0), userIds.first) + 1;
  return [
    ...collisions("the uid", uids, `Give one of them an id that was never used, such as ${nextUid}`, report),
    ...collisions("the MAC address", macs, macHint, report),
    ...collisions("the host name", hostnames, "Rename one of them.", report),
  ];
}

function checkAddresses(cluster: LooseClusterFile, report: Report): Finding[] {
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

const macHint = "Read it from the machine's label, or there: ip link";

/** IEEE 802: the lowest bit of the first octet says "group", which no card's own address has. */
function checkMacs(cluster: LooseClusterFile, report: Report): Finding[] {
  return Object.entries(cluster.nodes).flatMap(([name, { mac }]) => {
    if (mac === undefined || (!isMulticast(mac) && mac !== "00:00:00:00:00:00")) return [];
    return [report(`nodes.${name}.mac`, "VALUE_INVALID", `${mac} is no address of a network card`, macHint)];
  });
}

function isMulticast(mac: MacAddress): boolean {
  return (Number.parseInt(mac.slice(0, 2), 16) & 1) === 1;
}

function checkGroupOfNodes(cluster: LooseClusterFile, report: Report): Finding[] {
  const names = Object.keys(cluster.groups);
  return Object.entries(cluster.nodes).flatMap(([name, { group }]) => {
    if (group === undefined || names.includes(group)) return [];
    const message = `the node ${name} is in a group that does not exist: ${group}`;
    return [report(`nodes.${name}.group`, "GROUP_UNKNOWN", message, hintForName(group, names))];
  });
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

function subnetText(subnet: Ipv4Subnet): string {
  return `${subnet.network}/${subnet.prefixLength}`;
}
