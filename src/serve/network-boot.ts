/** Wires what nodes boot by: the DHCP sockets, the probe for foreign servers, and TFTP. */
import { randomInt } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { MacAddress } from "../address.ts";
import type { ClusterConfig } from "../cluster/config.ts";
import { servicePorts } from "../ports.ts";
import { chainloadNames, ipxeDirectory, readChainloadFiles } from "../pxe/boot/chainload.ts";
import type { BootTarget } from "../pxe/boot/decide.ts";
import type { DhcpServerIdentity } from "../pxe/dhcp/answer.ts";
import { createLeasePool, type LeasePool } from "../pxe/dhcp/leases.ts";
import { hardwareAddressOf } from "../pxe/dhcp/neighbour.ts";
import { findForeignServers, refuseForeignServers } from "../pxe/dhcp/probe.ts";
import { serveDhcp } from "../pxe/dhcp/server.ts";
import { adoptDhcpSocket, inheritedDescriptors } from "../pxe/dhcp/socket.ts";
import { serveTftp } from "../pxe/tftp/server.ts";
import { openTftpSocket } from "../pxe/tftp/socket.ts";
import type { BootLog } from "./boot-log.ts";

/** Seconds. Our choice: an address is needed from the ROM to the deploy environment, and then it is static. */
const leaseSeconds = 3_600;

/** At once; a rack that is switched on asks 48 times. Each holds a socket and a file in memory. */
const mostTransfers = 512;

/** As ProbeOptions says. */
const probe = { tries: 2, waitMs: 2_000 } as const;

/** @throws ImagectlError FOREIGN_DHCP_SERVER, DHCP_PROBE_FAILED, DHCP_SOCKET_MISSING. */
export async function refuseForeignDhcp(
  cluster: ClusterConfig,
  interfaceName: string,
  mac: MacAddress,
): Promise<void> {
  const socket = await adoptDhcpSocket(inheritedDescriptors.client);
  const servers = await findForeignServers(socket, {
    ...probe,
    mac,
    ownAddress: cluster.bastion.address,
    xid: randomInt(2 ** 32),
    sleep: async (milliseconds) => {
      await sleep(milliseconds);
    },
    hardwareAddress: hardwareAddressOf,
  });
  refuseForeignServers(interfaceName, servers);
}

export type NetworkBootSettings = {
  /** As it was when the server started: subnet, pool and addresses of the bastion need a restart. */
  readonly cluster: ClusterConfig;
  readonly controlUrl: string;
  readonly lookup: (mac: MacAddress) => BootTarget;
  readonly log: BootLog;
  readonly now: () => Date;
};

/** @returns a function that ends it. */
export async function startDhcp(settings: NetworkBootSettings): Promise<() => void> {
  const { cluster, lookup, log, now } = settings;
  const socket = await adoptDhcpSocket(inheritedDescriptors.server);
  serveDhcp(socket, {
    identity: identityOf(settings),
    pool: poolOf(cluster),
    lookup,
    now,
    monotonicMs: () => performance.now(),
    log: log.dhcp,
  });
  return () => socket.close();
}

function identityOf({ cluster, controlUrl }: NetworkBootSettings): DhcpServerIdentity {
  const { bastion, subnet, gateway, dns, domain } = cluster;
  return {
    address: bastion.address,
    subnet,
    ...(gateway === undefined ? {} : { gateway }),
    dns: dns.length === 0 ? [bastion.address] : dns,
    domain,
    leaseSeconds,
    chainloadFiles: chainloadNames,
    chainloadUrl: (file) => `${controlUrl}/boot/${file}`,
    scriptUrl: (mac, firmware) =>
      `${controlUrl}/boot/${mac.replaceAll(":", "-")}/script.ipxe?firmware=${firmware}`,
  };
}

function poolOf(cluster: ClusterConfig): LeasePool | undefined {
  if (cluster.pool === undefined) return undefined;
  const nodes = cluster.nodes.map((node) => node.address);
  const reserved = [cluster.bastion.address, cluster.outsider, ...nodes];
  return createLeasePool({ ...cluster.pool, reserved, leaseSeconds });
}

/** @returns a function that ends it. @throws ImagectlError IPXE_MISSING, PORT_IN_USE, SOCKET_FAILED. */
export async function startTftp({
  cluster,
  log,
}: Pick<NetworkBootSettings, "cluster" | "log">): Promise<() => void> {
  const { address } = cluster.bastion;
  const files = new Map(readChainloadFiles(ipxeDirectory).map((file) => [file.name, file]));
  const server = serveTftp(await openTftpSocket(address, servicePorts.tftp), {
    files,
    openTransferSocket: () => openTftpSocket(address, 0),
    maxTransfers: mostTransfers,
    monotonicMs: () => performance.now(),
    log: log.tftp,
  });
  return () => server.close();
}
