/** Serves DHCP on one interface: packet in, decision, packet out, and an event of what was done. */
import type { Ipv4Address, MacAddress } from "../../address.ts";
import { describeError } from "../../errors.ts";
import { type BootDecision, type BootRequest, type BootTarget, decide } from "../boot/decide.ts";
import { answerDhcp, type DhcpAnswer, type DhcpServerIdentity, type NoAnswerReason } from "./answer.ts";
import type { LeasePool } from "./leases.ts";
import {
  addressOption,
  firmwareOf,
  isIpxe,
  messageType,
  optionCode,
  uint16Option,
  wantsNetworkBoot,
} from "./options.ts";
import { type DhcpPacket, decodeDhcp, encodeDhcp, noAddress } from "./packet.ts";
import type { DhcpSocket } from "./socket.ts";

export type DhcpEvent =
  | {
      readonly kind: "replied";
      readonly type: "offer" | "ack" | "nak";
      readonly mac: MacAddress;
      readonly address: Ipv4Address;
      /** Undefined: an address and nothing to boot. */
      readonly bootFile: string | undefined;
      readonly decision: BootDecision["kind"];
    }
  | { readonly kind: "not-answered"; readonly mac: MacAddress; readonly reason: NoAnswerReason }
  /** The client found that someone else uses the address we gave it. */
  | { readonly kind: "address-conflict"; readonly mac: MacAddress; readonly address: Ipv4Address }
  | { readonly kind: "malformed"; readonly from: string; readonly message: string }
  | { readonly kind: "socket-failed"; readonly message: string };

export type DhcpDependencies = {
  readonly identity: DhcpServerIdentity;
  /** Undefined: the cluster has no pool. */
  readonly pool: LeasePool | undefined;
  readonly lookup: (mac: MacAddress) => BootTarget;
  /** Wall clock, for deadlines. */
  readonly now: () => Date;
  /** Monotonic milliseconds, for leases. */
  readonly monotonicMs: () => number;
  readonly log: (event: DhcpEvent) => void;
};

/** Answers until the socket is closed. No datagram, however broken, ends it. */
export function serveDhcp(socket: DhcpSocket, dependencies: DhcpDependencies): void {
  const { log } = dependencies;
  socket.onError((error) => log({ kind: "socket-failed", message: describeError(error) }));
  socket.onDatagram((bytes, from) => {
    try {
      const packet = decodeDhcp(bytes);
      // Our own and other servers' replies to a relay arrive on this port too.
      if (packet.op !== 1) return;
      const { answer, events } = respond(packet, dependencies);
      for (const event of events) log(event);
      if (answer.kind === "none") return;
      const reply = encodeDhcp(answer.packet, uint16Option(packet.options, optionCode.maxMessageSize)[0]);
      socket.send(reply, answer.destination).catch((error: unknown) => {
        log({ kind: "socket-failed", message: `to ${answer.destination.address}: ${describeError(error)}` });
      });
    } catch (error) {
      log({ kind: "malformed", from: from.address, message: describeError(error) });
    }
  });
}

export function bootRequestOf(packet: DhcpPacket): BootRequest {
  return {
    protocol: "dhcp",
    mac: packet.chaddr,
    firmware: firmwareOf(packet.options),
    isPxeClient: wantsNetworkBoot(packet.options),
    isIpxe: isIpxe(packet.options),
  };
}

function respond(
  packet: DhcpPacket,
  { identity, pool, lookup, now, monotonicMs }: DhcpDependencies,
): { readonly answer: DhcpAnswer; readonly events: readonly DhcpEvent[] } {
  const mac = packet.chaddr;
  const decision = decide(bootRequestOf(packet), lookup(mac), now());
  const address = addressFor(packet, decision, identity.address, pool, monotonicMs());
  const answer = answerDhcp({ packet, decision, address }, identity);
  if (answer.kind === "reply") {
    const { type } = answer;
    const { yiaddr, file } = answer.packet;
    return {
      answer,
      events: [
        {
          kind: "replied",
          type,
          mac,
          address: yiaddr,
          bootFile: file === "" ? undefined : file,
          decision: decision.kind,
        },
      ],
    };
  }
  const declined = addressOption(packet.options, optionCode.requestedAddress);
  return {
    answer,
    events: [
      { kind: "not-answered", mac, reason: answer.reason },
      ...(answer.reason === "address-declined" && declined !== undefined
        ? [{ kind: "address-conflict", mac, address: declined } as const]
        : []),
    ],
  };
}

/**
 * The address that the client has or gets. Nodes always have theirs, whatever client-id they send; a machine
 * from the pool leases one here, which is the only state that DHCP has.
 */
function addressFor(
  packet: DhcpPacket,
  decision: BootDecision,
  serverAddress: Ipv4Address,
  pool: LeasePool | undefined,
  nowMs: number,
): Ipv4Address | undefined {
  if (decision.kind === "ignore") return undefined;
  if (decision.address !== "from-pool") return decision.address;
  if (pool === undefined) return undefined;
  const mac = packet.chaddr;
  const requested = addressOption(packet.options, optionCode.requestedAddress);
  const claimed = requested ?? (packet.ciaddr === noAddress ? undefined : packet.ciaddr);
  switch (messageType(packet.options)) {
    case "discover":
      return pool.offer(mac, requested, nowMs);
    case "request": {
      const chosen = addressOption(packet.options, optionCode.serverIdentifier);
      const isOurs = chosen === undefined || chosen === serverAddress;
      return isOurs && claimed !== undefined && pool.lease(mac, claimed, nowMs) ? claimed : undefined;
    }
    case "release":
      if (claimed !== undefined) pool.release(mac, claimed);
      return undefined;
    case "decline":
      if (claimed !== undefined) pool.decline(mac, claimed, nowMs);
      return undefined;
    default:
      return undefined;
  }
}
