/** Looks for another DHCP server before ours starts: two of them give nodes away to whoever answers first. */
import type { Ipv4Address, MacAddress } from "../../address.ts";
import { ImagectlError } from "../../errors.ts";
import { addressOption, messageType, messageTypes, optionCode, textBytes, uint16Bytes } from "./options.ts";
import { type DhcpPacket, decodeDhcp, encodeDhcp, noAddress } from "./packet.ts";
import type { DhcpSocket } from "./socket.ts";

export type ForeignServer = {
  readonly address: Ipv4Address;
  /** Undefined when the neighbour table does not know it: it is behind a relay. */
  readonly mac: MacAddress | undefined;
  /** A ProxyDHCP server gives no addresses, only boot files: as harmful. */
  readonly isProxy: boolean;
};

export type ProbeOptions = {
  /** Hardware address of our interface: the probe is sent in its name. */
  readonly mac: MacAddress;
  /** Offers of this address are our own. */
  readonly ownAddress: Ipv4Address;
  /** Random, 32 bits: tells the offers to us from those to others. */
  readonly xid: number;
  /**
   * How often the DISCOVER is sent, and how long each waits. 2 × 2000 ms: before its first offer dnsmasq pings
   * the address for 3 s, ISC's dhcpd for 1 s.
   */
  readonly tries: number;
  readonly waitMs: number;
  readonly sleep: (milliseconds: number) => Promise<void>;
  /** Hardware address of a neighbour that was just sent something. */
  readonly hardwareAddress: (address: Ipv4Address) => Promise<MacAddress | undefined>;
};

/** Time for an ARP exchange on a local network. Milliseconds. */
const arpWaitMs = 300;

/** @returns the DISCOVER of a PXE client: that is what a ProxyDHCP server answers too. */
export function probePacket(mac: MacAddress, xid: number): DhcpPacket {
  return {
    op: 1,
    hops: 0,
    xid,
    secs: 0,
    isBroadcast: true,
    ciaddr: noAddress,
    yiaddr: noAddress,
    siaddr: noAddress,
    giaddr: noAddress,
    chaddr: mac,
    sname: "",
    file: "",
    options: new Map<number, Uint8Array>([
      [optionCode.messageType, Buffer.of(messageTypes.discover)],
      [optionCode.parameterRequestList, Buffer.of(1, 3, 6, 43, 54, 60, 66, 67)],
      [optionCode.vendorClass, textBytes("PXEClient:Arch:00007:UNDI:003016")],
      [optionCode.clientArchitecture, uint16Bytes(7)],
    ]),
  };
}

/** @param socket bound to the interface and UDP port 68. It is closed at the end. */
export async function findForeignServers(
  socket: DhcpSocket,
  options: ProbeOptions,
): Promise<readonly ForeignServer[]> {
  const found = new Map<Ipv4Address, { readonly isProxy: boolean }>();
  let sendError: unknown;
  socket.onError((error) => {
    sendError = error;
  });
  socket.onDatagram((bytes, from) => {
    const offer = decodeOffer(bytes, options.xid);
    if (offer === undefined) return;
    const address =
      addressOption(offer.options, optionCode.serverIdentifier) ?? (from.address as Ipv4Address);
    if (address === options.ownAddress) return;
    found.set(address, { isProxy: offer.yiaddr === noAddress });
  });
  const discover = encodeDhcp(probePacket(options.mac, options.xid), undefined);
  try {
    for (let tries = 0; tries < options.tries && found.size === 0; tries += 1) {
      await socket.send(discover, { address: "255.255.255.255" as Ipv4Address, port: 67 });
      await options.sleep(options.waitMs);
    }
    // An empty datagram means nothing to DHCP, but the kernel must find out the hardware address to send it.
    for (const address of found.keys()) await socket.send(new Uint8Array(), { address, port: 67 });
    if (found.size > 0) await options.sleep(arpWaitMs);
  } catch (error) {
    sendError = error;
  } finally {
    socket.close();
  }
  if (sendError !== undefined) {
    throw new ImagectlError("DHCP_PROBE_FAILED", "cannot ask for other DHCP servers on the interface", {
      hint: "Bring the interface up and give it its address first: ip -br addr",
      cause: sendError,
    });
  }
  return Promise.all(
    [...found].map(async ([address, { isProxy }]) => ({
      address,
      isProxy,
      mac: await options.hardwareAddress(address),
    })),
  );
}

function decodeOffer(bytes: Uint8Array, xid: number): DhcpPacket | undefined {
  try {
    const packet = decodeDhcp(bytes);
    const isOffer = packet.op === 2 && packet.xid === xid && messageType(packet.options) === "offer";
    return isOffer ? packet : undefined;
  } catch {
    // Whoever sends broken packets to port 68 is no server that a node could choose.
    return undefined;
  }
}

/** @returns `10.77.0.9 (52:54:00:77:00:09), a ProxyDHCP server`. */
export function formatForeignServer({ address, mac, isProxy }: ForeignServer): string {
  return `${address}${mac === undefined ? "" : ` (${mac})`}${isProxy ? ", a ProxyDHCP server" : ""}`;
}

/**
 * Refuses to go on beside another server.
 * @throws ImagectlError FOREIGN_DHCP_SERVER, naming each by address and MAC.
 */
export function refuseForeignServers(interfaceName: string, servers: readonly ForeignServer[]): void {
  if (servers.length === 0) return;
  const names = servers.map(formatForeignServer);
  throw new ImagectlError(
    "FOREIGN_DHCP_SERVER",
    `another DHCP server answers on ${interfaceName}: ${names.join("; ")}`,
    {
      hint: `Stop it, or give the nodes a network of their own and name that interface under bastion.interface. On this machine it shows with: ss -lunp 'sport = :67'. Elsewhere find the port of its MAC in the switch: ip neigh show dev ${interfaceName}`,
    },
  );
}
