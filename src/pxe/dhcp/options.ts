/** DHCP options by number, and what the values of those that we read mean. */
import { type Ipv4Address, ipv4FromNumber, ipv4ToNumber } from "../../address.ts";
import type { Firmware } from "../../store/manifest.ts";
import { latin1 } from "../datagram-reader.ts";

/** RFC 2132 unless another source stands beside the number. */
export const optionCode = {
  pad: 0,
  subnetMask: 1,
  router: 3,
  domainNameServer: 6,
  hostName: 12,
  domainName: 15,
  vendorSpecific: 43,
  requestedAddress: 50,
  leaseTime: 51,
  overload: 52,
  messageType: 53,
  serverIdentifier: 54,
  parameterRequestList: 55,
  message: 56,
  maxMessageSize: 57,
  renewalTime: 58,
  rebindingTime: 59,
  vendorClass: 60,
  clientIdentifier: 61,
  tftpServerName: 66,
  bootFileName: 67,
  /** RFC 3004. */
  userClass: 77,
  /** RFC 3046. */
  relayAgentInformation: 82,
  /** RFC 4578. */
  clientArchitecture: 93,
  /** RFC 4578: UNDI version. */
  networkInterface: 94,
  /** RFC 4578: UUID. */
  machineIdentifier: 97,
  /** Encapsulated iPXE options; only iPXE sends them. */
  ipxe: 175,
  end: 255,
} as const;

/** RFC 2132 section 9.6. */
export const messageTypes = {
  discover: 1,
  offer: 2,
  request: 3,
  decline: 4,
  ack: 5,
  nak: 6,
  release: 7,
  inform: 8,
} as const;
export type MessageType = keyof typeof messageTypes;

/** Whole values by option number: parts of a long option are already joined (RFC 3396). */
export type DhcpOptions = ReadonlyMap<number, Uint8Array>;

/** @returns undefined for packets that are plain BOOTP or carry an unknown type. */
export function messageType(options: DhcpOptions): MessageType | undefined {
  const value = options.get(optionCode.messageType)?.[0];
  return (Object.keys(messageTypes) as MessageType[]).find((type) => messageTypes[type] === value);
}

/** @returns the first address of the option, or undefined when it is absent or too short. */
export function addressOption(options: DhcpOptions, code: number): Ipv4Address | undefined {
  const value = options.get(code);
  if (value === undefined || value.length < 4) return undefined;
  return ipv4FromNumber(Buffer.from(value).readUInt32BE(0));
}

/** @returns the text without trailing zeros, which some firmware counts into the length. */
export function textOption(options: DhcpOptions, code: number): string | undefined {
  const value = options.get(code);
  return value === undefined ? undefined : latin1(value).replace(/\0+$/, "");
}

/** @returns the 16-bit numbers of the option, empty when it is absent. Option 93 may carry several. */
export function uint16Option(options: DhcpOptions, code: number): number[] {
  const value = Buffer.from(options.get(code) ?? []);
  return Array.from({ length: Math.floor(value.length / 2) }, (_, index) => value.readUInt16BE(index * 2));
}

/**
 * Option 77 as RFC 3004 defines it (a list, each entry with its length before it) or as iPXE and others send
 * it: the bare text. It is a list exactly when the lengths add up.
 */
export function userClasses(options: DhcpOptions): string[] {
  const value = options.get(optionCode.userClass);
  if (value === undefined || value.length === 0) return [];
  const entries: string[] = [];
  let position = 0;
  while (position < value.length) {
    const length = value[position] as number;
    const end = position + 1 + length;
    if (length === 0 || end > value.length) return [latin1(value)];
    entries.push(latin1(value.subarray(position + 1, end)));
    position = end;
  }
  return entries;
}

export function isIpxe(options: DhcpOptions): boolean {
  return options.has(optionCode.ipxe) || userClasses(options).includes("iPXE");
}

/** Whether a machine wants to boot from the network, by PXE or by UEFI HTTP boot. */
export function wantsNetworkBoot(options: DhcpOptions): boolean {
  const vendorClass = textOption(options, optionCode.vendorClass) ?? "";
  return (
    vendorClass.startsWith("PXEClient") ||
    vendorClass.startsWith("HTTPClient") ||
    options.has(optionCode.clientArchitecture)
  );
}

/**
 * Option 93 by IANA's "Processor Architecture Types" (RFC 4578's table swaps 7 and 9, erratum 4624; old
 * firmware sends 9 for x64). 16 is x64 by HTTP boot. Other processors are not served.
 */
const firmwareOfArchitecture: Readonly<Record<number, Firmware>> = {
  0: "bios-x86",
  7: "uefi-x64",
  9: "uefi-x64",
  16: "uefi-x64",
};

export function firmwareOf(options: DhcpOptions): Firmware | undefined {
  return uint16Option(options, optionCode.clientArchitecture)
    .map((architecture) => firmwareOfArchitecture[architecture])
    .find((firmware) => firmware !== undefined);
}

export function addressBytes(...addresses: readonly Ipv4Address[]): Uint8Array {
  const bytes = Buffer.alloc(addresses.length * 4);
  addresses.forEach((address, index) => {
    bytes.writeUInt32BE(ipv4ToNumber(address), index * 4);
  });
  return bytes;
}

export function uint16Bytes(value: number): Uint8Array {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

export function uint32Bytes(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export function textBytes(text: string): Uint8Array {
  return Buffer.from(text, "latin1");
}
