/** What the server says to one DHCP packet: a value from values, RFC 2131 section 4.3. */
import { type Ipv4Address, type Ipv4Subnet, netmaskOf } from "../../address.ts";
import type { BootDecision } from "../boot/decide.ts";
import { type BootFiles, bootOfferOf } from "./boot-offer.ts";
import {
  addressBytes,
  addressOption,
  messageType,
  messageTypes,
  optionCode,
  textBytes,
  uint32Bytes,
} from "./options.ts";
import { type DhcpPacket, noAddress } from "./packet.ts";

/** Who we are and what we tell everybody. */
export type DhcpServerIdentity = BootFiles & {
  readonly address: Ipv4Address;
  readonly subnet: Ipv4Subnet;
  readonly gateway?: Ipv4Address;
  /** Never empty: some installers ask for a name server when DHCP names none. */
  readonly dns: readonly Ipv4Address[];
  readonly domain: string;
  readonly leaseSeconds: number;
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
  const offer = bootOfferOf(packet, decision, server);
  const options = new Map<number, Uint8Array>([
    [optionCode.messageType, Buffer.of(messageTypes[type])],
    [optionCode.serverIdentifier, addressBytes(server.address)],
    ...(address === undefined ? [] : leaseTimes(server.leaseSeconds)),
    [optionCode.subnetMask, addressBytes(netmaskOf(server.subnet))],
    ...(server.gateway === undefined
      ? []
      : [[optionCode.router, addressBytes(server.gateway)] as [number, Uint8Array]]),
    [optionCode.domainNameServer, addressBytes(...server.dns)],
    ...offer.options,
    ...(offer.file === undefined ? [] : [tftpServer(server.address)]),
    // RFC 4578 section 2.3: the reply carries the machine's identifier when the question does.
    ...echoed(packet, [optionCode.machineIdentifier]),
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
      siaddr: offer.file === undefined ? noAddress : server.address,
      file: offer.file ?? "",
      options,
    },
    destination: destination(packet, type),
  };
}

/** Some ROMs read it instead of siaddr. */
function tftpServer(address: Ipv4Address): [number, Uint8Array] {
  return [optionCode.tftpServerName, textBytes(address)];
}

function leaseTimes(leaseSeconds: number): [number, Uint8Array][] {
  return [
    [optionCode.leaseTime, uint32Bytes(leaseSeconds)],
    // RFC 2131 section 4.4.5: T1 is half of the lease, T2 seven eighths.
    [optionCode.renewalTime, uint32Bytes(Math.floor(leaseSeconds / 2))],
    [optionCode.rebindingTime, uint32Bytes(Math.floor((leaseSeconds * 7) / 8))],
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
