/** DHCP packets: bytes <-> value. RFC 2131 section 2 (header), RFC 2132 (options), RFC 3396 (long options). */
import { type Ipv4Address, ipv4ToNumber, type MacAddress } from "../../address.ts";
import { latin1, malformed, readDatagram } from "../datagram-reader.ts";
import { type DhcpOptions, optionCode } from "./options.ts";

export type DhcpPacket = {
  /** 1 BOOTREQUEST, 2 BOOTREPLY. */
  readonly op: 1 | 2;
  readonly hops: number;
  readonly xid: number;
  readonly secs: number;
  /** The B bit: the client cannot receive unicast before it has an address. */
  readonly isBroadcast: boolean;
  readonly ciaddr: Ipv4Address;
  readonly yiaddr: Ipv4Address;
  readonly siaddr: Ipv4Address;
  readonly giaddr: Ipv4Address;
  /** Only Ethernet (htype 1, hlen 6) is understood. */
  readonly chaddr: MacAddress;
  /** At most 64 and 128 bytes of Latin-1. Empty when option 52 lends the field to options. */
  readonly sname: string;
  readonly file: string;
  readonly options: DhcpOptions;
};

export const noAddress = "0.0.0.0" as Ipv4Address;

const magicCookie = 0x63825363;
const snameBytes = 64;
const fileBytes = 128;
/** RFC 1542 section 2.1: BOOTP relays and old ROMs drop anything shorter. */
const minimumBytes = 300;
/** RFC 2131 section 2: what every client must accept, IP and UDP header (28 bytes) included. */
const defaultMessageBytes = 576;
/** ROMs do not reassemble fragments, whatever size they claim to accept. */
const ethernetMtuBytes = 1500;
const ipAndUdpHeaderBytes = 28;

/**
 * Turns one UDP payload into a DHCP packet.
 * @param bytes UDP payload, at least 240 bytes (header and magic cookie).
 * @throws ImagectlError PACKET_MALFORMED, naming the field that was cut off and its offset.
 */
export function decodeDhcp(bytes: Uint8Array): DhcpPacket {
  const reader = readDatagram("DHCP", bytes);
  const op = reader.uint8("op");
  if (op !== 1 && op !== 2) throw malformed("DHCP", `op is ${op}, neither BOOTREQUEST nor BOOTREPLY`);
  const htype = reader.uint8("htype");
  const hlen = reader.uint8("hlen");
  if (htype !== 1 || hlen !== 6)
    throw malformed("DHCP", `htype ${htype} with hlen ${hlen} is not Ethernet (1, 6)`);
  const header = {
    op,
    hops: reader.uint8("hops"),
    xid: reader.uint32("xid"),
    secs: reader.uint16("secs"),
    isBroadcast: (reader.uint16("flags") & 0x8000) !== 0,
    ciaddr: reader.ipv4("ciaddr"),
    yiaddr: reader.ipv4("yiaddr"),
    siaddr: reader.ipv4("siaddr"),
    giaddr: reader.ipv4("giaddr"),
    chaddr: macAddress(reader.bytes(16, "chaddr")),
  } as const;
  const sname = reader.bytes(snameBytes, "sname");
  const file = reader.bytes(fileBytes, "file");
  const cookie = reader.uint32("magic cookie");
  if (cookie !== magicCookie) {
    throw malformed("DHCP", `the magic cookie at byte 236 is 0x${cookie.toString(16)}: not DHCP`);
  }
  const parts = new Map<number, Uint8Array[]>();
  collectOptions(bytes.subarray(reader.offset()), reader.offset(), "options", parts);
  const overload = parts.get(optionCode.overload)?.[0]?.[0] ?? 0;
  // RFC 3396 section 5: options field, then file, then sname.
  if ((overload & 1) !== 0) collectOptions(file, 108, "file", parts);
  if ((overload & 2) !== 0) collectOptions(sname, 44, "sname", parts);
  return {
    ...header,
    sname: (overload & 2) !== 0 ? "" : textUpToZero(sname),
    file: (overload & 1) !== 0 ? "" : textUpToZero(file),
    options: new Map([...parts].map(([code, values]) => [code, Buffer.concat(values)])),
  };
}

/** Appends each option of one field to what was found before. The end option may be missing: ROMs forget it. */
function collectOptions(
  field: Uint8Array,
  fieldOffset: number,
  fieldName: string,
  parts: Map<number, Uint8Array[]>,
): void {
  let position = 0;
  while (position < field.length) {
    const code = field[position] as number;
    if (code === optionCode.pad) {
      position += 1;
      continue;
    }
    if (code === optionCode.end) return;
    const where = `option ${code} in ${fieldName} at byte ${fieldOffset + position}`;
    const length = field[position + 1];
    if (length === undefined) throw malformed("DHCP", `${where} has no length`);
    const end = position + 2 + length;
    if (end > field.length) {
      throw malformed("DHCP", `${where} needs ${length} bytes, ${field.length - position - 2} are left`);
    }
    const found = parts.get(code) ?? [];
    found.push(field.slice(position + 2, end));
    parts.set(code, found);
    position = end;
  }
}

/**
 * Turns a packet into a UDP payload.
 *
 * The options' order is their priority: those that no longer fit into what the client accepts are left out.
 * @param maxMessageBytes option 57 of the client, IP and UDP header included; undefined: 576 (RFC 2131).
 */
export function encodeDhcp(packet: DhcpPacket, maxMessageBytes: number | undefined): Uint8Array {
  const messageBytes = Math.min(Math.max(maxMessageBytes ?? 0, defaultMessageBytes), ethernetMtuBytes);
  const limit = messageBytes - ipAndUdpHeaderBytes;
  const header = Buffer.alloc(240);
  header.writeUInt8(packet.op, 0);
  header.writeUInt8(1, 1);
  header.writeUInt8(6, 2);
  header.writeUInt8(packet.hops, 3);
  header.writeUInt32BE(packet.xid, 4);
  header.writeUInt16BE(packet.secs, 8);
  header.writeUInt16BE(packet.isBroadcast ? 0x8000 : 0, 10);
  [packet.ciaddr, packet.yiaddr, packet.siaddr, packet.giaddr].forEach((address, index) => {
    header.writeUInt32BE(ipv4ToNumber(address), 12 + index * 4);
  });
  header.write(packet.chaddr.replaceAll(":", ""), 28, "hex");
  header.write(packet.sname, 44, snameBytes - 1, "latin1");
  header.write(packet.file, 108, fileBytes - 1, "latin1");
  header.writeUInt32BE(magicCookie, 236);
  const encoded: Uint8Array[] = [header];
  let used = header.length + 1;
  for (const [code, value] of packet.options) {
    const option = encodeOption(code, value);
    if (used + option.length > limit) continue;
    encoded.push(option);
    used += option.length;
  }
  encoded.push(Buffer.of(optionCode.end), Buffer.alloc(Math.max(0, minimumBytes - used)));
  return Buffer.concat(encoded);
}

/** Values over 255 bytes are split into several options of the same code (RFC 3396). */
function encodeOption(code: number, value: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let start = 0; start === 0 || start < value.length; start += 255) {
    const part = value.subarray(start, start + 255);
    parts.push(Buffer.of(code, part.length), part);
  }
  return Buffer.concat(parts);
}

function macAddress(chaddr: Uint8Array): MacAddress {
  return [...chaddr.subarray(0, 6)]
    .map((octet) => octet.toString(16).padStart(2, "0"))
    .join(":") as MacAddress;
}

function textUpToZero(field: Uint8Array): string {
  const end = field.indexOf(0);
  return latin1(end < 0 ? field : field.subarray(0, end));
}
