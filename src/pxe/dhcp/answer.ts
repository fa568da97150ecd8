/** What the server says to one DHCP packet: a value from values, RFC 2131 section 4.3. */
import { type Ipv4Address, type Ipv4Subnet, type MacAddress, netmaskOf } from "../../address.ts";
import type { Firmware } from "../../store/manifest.ts";
import type { BootDecision } from "../boot/decide.ts";
import {
  addressBytes,
  addressOption,
  firmwareOf,
  isIpxe,
  messageType,
  messageTypes,
  optionCode,
  textBytes,
  textOption,
  uint32Bytes,
} from "./options.ts";
import { type DhcpPacket, noAddress } from "./packet.ts";

/** Who we are and what we tell everybody. */
export type DhcpServerIdentity = {
  readonly address: Ipv4Address;
  readonly subnet: Ipv4Subnet;
  readonly gateway?: Ipv4Address;
  /** Never empty: some installers ask for a name server when DHCP names none. */
  readonly dns: readonly Ipv4Address[];
  readonly domain: string;
  readonly leaseSeconds: number;
  /** TFTP names of iPXE, by firmware. */
  readonly chainloadFiles: Readonly<Record<Firmware, string>>;
  /** The script that iPXE runs. At most 127 bytes: it must fit into the header's `file`. */
  readonly scriptUrl: (mac: MacAddress, firmware: Firmware) => string;
};

export type NoAnswerReason =
  | Extract<BootDecision, { kind: "ignore" }>["reason"]
  | "pool-exhausted"
  | "another-server-was-chosen"
  | "address-declined"
  | "address-released"
  | "not-a-client-message";

export type DhcpDestination = { readonly address: Ipv4Address; readonly port: 67 | 68 };

export type DhcpAnswer =
  | {
      readonly kind: "reply";
      readonly type: "offer" | "ack" | "nak";
      readonly packet: DhcpPacket;
      readonly destination: DhcpDestination;
    }
  | { readonly kind: "none"; readonly reason: NoAnswerReason };

export type DhcpQuestion = {
  readonly packet: DhcpPacket;
  readonly decision: BootDecision;
  /** The address that this client has or gets; undefined when the pool has none for it. */
  readonly address: Ipv4Address | undefined;
};

export function answerDhcp(question: DhcpQuestion, server: DhcpServerIdentity): DhcpAnswer {
  const { packet, decision, address } = question;
  const type = messageType(packet.options);
  switch (type) {
    case "release":
      return { kind: "none", reason: "address-released" };
    case "decline":
      return { kind: "none", reason: "address-declined" };
    case "discover":
    case "request":
    case "inform":
      break;
    case "offer":
    case "ack":
    case "nak":
    case undefined:
      return { kind: "none", reason: "not-a-client-message" };
    default:
      return type satisfies never;
  }
  if (packet.op !== 1) return { kind: "none", reason: "not-a-client-message" };
  if (decision.kind === "ignore") return { kind: "none", reason: decision.reason };
  if (type === "inform") return reply("ack", question, server, undefined);
  if (type === "discover") {
    return address === undefined
      ? { kind: "none", reason: "pool-exhausted" }
      : reply("offer", question, server, address);
  }
  const chosen = addressOption(packet.options, optionCode.serverIdentifier);
  if (chosen !== undefined && chosen !== server.address) {
    return { kind: "none", reason: "another-server-was-chosen" };
  }
  // SELECTING and INIT-REBOOT name the address in option 50, RENEWING and REBINDING in ciaddr.
  const claimed = addressOption(packet.options, optionCode.requestedAddress) ?? packet.ciaddr;
  if (address === undefined || claimed !== address) return refuse(packet, server);
  return reply("ack", question, server, address);
}

/** Where a reply goes. RFC 2131 section 4.1. */
export function destination(request: DhcpPacket, type: "offer" | "ack" | "nak"): DhcpDestination {
  if (request.giaddr !== noAddress) return { address: request.giaddr, port: 67 };
  if (request.ciaddr !== noAddress && type !== "nak") return { address: request.ciaddr, port: 68 };
  // The RFC allows unicast to yiaddr, which does not answer ARP yet: that takes a raw socket, and buys nothing.
  return { address: "255.255.255.255" as Ipv4Address, port: 68 };
}

function refuse(packet: DhcpPacket, server: DhcpServerIdentity): DhcpAnswer {
  const options = new Map<number, Uint8Array>([
    [optionCode.messageType, Buffer.of(messageTypes.nak)],
    [optionCode.serverIdentifier, addressBytes(server.address)],
    [optionCode.message, textBytes("this address is not yours on this network")],
    ...echoed(packet, [optionCode.clientIdentifier, optionCode.relayAgentInformation]),
  ]);
  return {
    kind: "reply",
    type: "nak",
    packet: {
      ...replyHeader(packet),
      // A relay must broadcast it: the client has no address that works here (RFC 2131 section 4.3.2).
      isBroadcast: packet.giaddr !== noAddress || packet.isBroadcast,
      options,
    },
    destination: destination(packet, "nak"),
  };
}

function reply(
  type: "offer" | "ack",
  { packet, decision }: DhcpQuestion,
  server: DhcpServerIdentity,
  address: Ipv4Address | undefined,
): DhcpAnswer {
  const bootFile = bootFileOf(packet, decision, server);
  const options = new Map<number, Uint8Array>([
    [optionCode.messageType, Buffer.of(messageTypes[type])],
    [optionCode.serverIdentifier, addressBytes(server.address)],
    ...(address === undefined ? [] : leaseTimes(server.leaseSeconds)),
    [optionCode.subnetMask, addressBytes(netmaskOf(server.subnet))],
    ...(server.gateway === undefined
      ? []
      : [[optionCode.router, addressBytes(server.gateway)] as [number, Uint8Array]]),
    [optionCode.domainNameServer, addressBytes(...server.dns)],
    ...bootOptions(packet, bootFile, server),
    [optionCode.domainName, textBytes(server.domain)],
    // Client identifier: RFC 6842. Relay agent information comes last: RFC 3046 section 2.2.
    ...echoed(packet, [optionCode.clientIdentifier, optionCode.relayAgentInformation]),
  ]);
  return {
    kind: "reply",
    type,
    packet: {
      ...replyHeader(packet),
      ciaddr: type === "ack" ? packet.ciaddr : noAddress,
      yiaddr: address ?? noAddress,
      siaddr: bootFile === undefined ? noAddress : server.address,
      file: bootFile ?? "",
      options,
    },
    destination: destination(packet, type),
  };
}

/** @returns a TFTP name for firmware, a URL for iPXE, undefined when there is nothing to boot. */
export function bootFileOf(
  packet: DhcpPacket,
  decision: BootDecision,
  server: DhcpServerIdentity,
): string | undefined {
  switch (decision.kind) {
    case "chainload-ipxe":
      return server.chainloadFiles[decision.firmware];
    case "deploy":
    case "boot-local-disk": {
      const firmware = firmwareOf(packet.options);
      if (firmware === undefined) return undefined;
      // Only iPXE reads scripts. Firmware is sent to it first: how to leave for the disk is the script's
      // business, since few ROMs go on to the next device by themselves.
      return isIpxe(packet.options)
        ? server.scriptUrl(packet.chaddr, firmware)
        : server.chainloadFiles[firmware];
    }
    case "address-only":
    case "ignore":
      return undefined;
    default:
      return decision satisfies never;
  }
}

function leaseTimes(leaseSeconds: number): [number, Uint8Array][] {
  return [
    [optionCode.leaseTime, uint32Bytes(leaseSeconds)],
    // RFC 2131 section 4.4.5: T1 is half of the lease, T2 seven eighths.
    [optionCode.renewalTime, uint32Bytes(Math.floor(leaseSeconds / 2))],
    [optionCode.rebindingTime, uint32Bytes(Math.floor((leaseSeconds * 7) / 8))],
  ];
}

/**
 * PXE 2.1 table 2-1: tag 6, PXE_DISCOVERY_CONTROL, with bit 3: use the boot file of this offer, ask no further
 * server. Without it EDK2 and some ROMs wait for boot servers that do not exist. Ended by 255.
 */
const useThisBootFile = Buffer.of(6, 1, 8, 255);
/** iPXE option 176 inside option 175, `no-pxedhcp`: saves the seconds that iPXE waits for a ProxyDHCP offer. */
const noProxyDhcp = Buffer.of(176, 1, 1);

function bootOptions(
  packet: DhcpPacket,
  bootFile: string | undefined,
  server: DhcpServerIdentity,
): [number, Uint8Array][] {
  if (bootFile === undefined) return [];
  if (isIpxe(packet.options)) {
    return [
      [optionCode.bootFileName, textBytes(bootFile)],
      [optionCode.ipxe, noProxyDhcp],
    ];
  }
  const isPxe = (textOption(packet.options, optionCode.vendorClass) ?? "").startsWith("PXEClient");
  return [
    ...(isPxe
      ? ([
          [optionCode.vendorClass, textBytes("PXEClient")],
          [optionCode.vendorSpecific, useThisBootFile],
        ] as [number, Uint8Array][])
      : []),
    [optionCode.tftpServerName, textBytes(server.address)],
    [optionCode.bootFileName, textBytes(bootFile)],
    ...echoed(packet, [optionCode.machineIdentifier]),
  ];
}

function echoed(packet: DhcpPacket, codes: readonly number[]): [number, Uint8Array][] {
  return codes.flatMap((code) => {
    const value = packet.options.get(code);
    return value === undefined ? [] : [[code, value] as [number, Uint8Array]];
  });
}

function replyHeader(packet: DhcpPacket): DhcpPacket {
  return {
    ...packet,
    op: 2,
    hops: 0,
    secs: 0,
    ciaddr: noAddress,
    yiaddr: noAddress,
    siaddr: noAddress,
    sname: "",
    file: "",
  };
}
