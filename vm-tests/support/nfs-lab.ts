/** What the tests of home folders have in common: one machine that is server and node, so that one image does for all. */
import type { Namespace } from "../../src/namespace.ts";
import { run } from "../../src/run.ts";
import { lab, standardRoles } from "./lab-cluster.ts";

export const nfsRoles: readonly string[] = [...standardRoles, "node-exporter", "nfs-server", "nfs-home"];

/** In the cluster file, and no machines. By the first one's address node1 comes to its own server. */
export const otherNodes = [
  { name: "node2", mac: "52:54:00:77:00:12", address: "10.77.0.12" },
  { name: "node3", mac: "52:54:00:77:00:13", address: "10.77.0.13" },
] as const;
const [node2] = otherNodes;

/** The way from the nodes to the port of the home folders on the bastion. */
export type NfsRoad = {
  /** Nothing goes through any more and nobody is told, as when the server's machine is off. */
  cut(): Promise<void>;
  /** Who calls is refused, as when the machine is there and nothing serves. */
  refuse(): Promise<void>;
  mend(): Promise<void>;
};

/**
 * The lab's bastion has no kernel of its own that could serve: what comes to its port goes on to node1's server, from
 * node2's address. So a node asks the bastion, and a server is asked by another machine.
 */
export async function layNfsRoad(bastion: Namespace): Promise<NfsRoad> {
  const inside = async (script: string): Promise<void> => {
    await run(bastion.enter[0], [...bastion.enter.slice(1), "sh", "-euc", script]);
  };
  const port = "tcp dport 2049";
  await bastion.ip("address", "add", `${node2.address}/32`, "dev", lab.bastionInterface);
  await inside(`echo 1 >/proc/sys/net/ipv4/ip_forward
nft -f - <<'END'
table ip homes {
  chain in { type nat hook prerouting priority dstnat; ip daddr ${lab.bastion} ${port} dnat to ${lab.node.address}; }
  chain out { type nat hook postrouting priority srcnat; ip daddr ${lab.node.address} ${port} snat to ${node2.address}; }
  chain through { type filter hook forward priority filter; }
}
END`);
  return {
    cut: () => inside("nft add rule ip homes through drop"),
    refuse: () =>
      inside(
        "nft flush chain ip homes through; nft add rule ip homes through tcp dport 2049 reject with tcp reset",
      ),
    mend: () => inside("nft flush chain ip homes through"),
  };
}

/**
 * For node1: a machine of another name and address beside it, in a namespace, with a kernel that mounts.
 * @returns a script that runs this one there, with the homes below /mnt when they could be mounted.
 */
export function asVisitor(address: string, mountOptions: string, script: string): string {
  const source = `${lab.node.address}:/srv/home`;
  const inside = `hostname visitor; ip link set lo up
    timeout 60 mount -t nfs -o ${mountOptions},retry=0 ${source} /mnt 2>&1 && ${script}`;
  return `set -e
    ip netns add visitor
    trap 'ip netns del visitor; ip link del visitor 2>/dev/null || :' EXIT
    ip link add visitor type veth peer name eth0 netns visitor
    ip link set visitor up
    ip -n visitor link set eth0 up
    ip -n visitor address add ${address}/32 dev eth0
    ip route add ${address} dev visitor src ${lab.node.address}
    ip -n visitor route add ${lab.node.address} dev eth0
    ip neigh replace ${address} dev visitor lladdr "$(ip netns exec visitor cat /sys/class/net/eth0/address)"
    ip -n visitor neigh replace ${lab.node.address} dev eth0 lladdr "$(cat /sys/class/net/visitor/address)"
    ip netns exec visitor unshare --uts sh -c '${inside}' || :`;
}
