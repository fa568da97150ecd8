/** MAC and IPv4 addresses: parsed once at the edge, true inside. */
import { z } from "zod";

export const MacAddress = z
  .string()
  .transform((text) => text.toLowerCase().replaceAll("-", ":"))
  .pipe(
    z
      .string()
      .regex(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/, "expected a MAC address such as 52:54:00:12:34:56")
      .brand<"MacAddress">(),
  );
/** Lower case, colon separated: `52:54:00:12:34:56`. */
export type MacAddress = z.output<typeof MacAddress>;

const octet = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
const ipv4Pattern = new RegExp(`^${octet}(\\.${octet}){3}$`);

export const Ipv4Address = z
  .string()
  .regex(ipv4Pattern, "expected an IPv4 address such as 10.77.0.11")
  .brand<"Ipv4Address">();
/** Dotted quad without leading zeros. */
export type Ipv4Address = z.output<typeof Ipv4Address>;

export const Ipv4Subnet = z.string().transform((text, context) => {
  const [address, prefix, ...rest] = text.split("/");
  const prefixLength = Number(prefix);
  const valid =
    rest.length === 0 &&
    ipv4Pattern.test(address ?? "") &&
    /^[0-9]{1,2}$/.test(prefix ?? "") &&
    prefixLength >= 8 &&
    prefixLength <= 30;
  if (!valid || address === undefined) {
    context.addIssue({ code: "custom", message: "expected a subnet of /8 to /30 such as 10.77.0.0/24" });
    return z.NEVER;
  }
  const network = ipv4ToNumber(address as Ipv4Address) & maskOf(prefixLength);
  if (network >>> 0 !== ipv4ToNumber(address as Ipv4Address)) {
    context.addIssue({
      code: "custom",
      message: `host bits are set; the network of that address is ${ipv4FromNumber(network >>> 0)}/${prefixLength}`,
    });
    return z.NEVER;
  }
  return { network: address as Ipv4Address, prefixLength };
});
export type Ipv4Subnet = z.output<typeof Ipv4Subnet>;

/** A card's address and the size of its network: `10.88.0.11/24`. */
export const Ipv4Interface = z.string().transform((text, context) => {
  const [address = "", prefix = "", ...rest] = text.split("/");
  const prefixLength = Number(prefix);
  const isWhole = rest.length === 0 && ipv4Pattern.test(address) && /^[0-9]{1,2}$/.test(prefix);
  if (!isWhole || prefixLength < 8 || prefixLength > 31) {
    context.addIssue({
      code: "custom",
      message: "expected an address with its prefix such as 10.88.0.11/24",
    });
    return z.NEVER;
  }
  return { address: address as Ipv4Address, prefixLength };
});
export type Ipv4Interface = z.output<typeof Ipv4Interface>;

/** The network in which an interface's address lies. */
export function subnetOf({ address, prefixLength }: Ipv4Interface): Ipv4Subnet {
  const network = ipv4FromNumber((ipv4ToNumber(address) & maskOf(prefixLength)) >>> 0);
  return { network, prefixLength };
}

/** Whether two networks share an address: one of them then contains the other. */
export function subnetsMeet(left: Ipv4Subnet, right: Ipv4Subnet): boolean {
  return subnetContains(left, right.network) || subnetContains(right, left.network);
}

function maskOf(prefixLength: number): number {
  return (0xffffffff << (32 - prefixLength)) >>> 0;
}

/** The address as an unsigned 32-bit number, network order. */
export function ipv4ToNumber(address: Ipv4Address): number {
  return address.split(".").reduce((value, part) => value * 256 + Number(part), 0);
}

export function ipv4FromNumber(value: number): Ipv4Address {
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 0xff).join(".") as Ipv4Address;
}

/** `255.255.255.0` for a /24. */
export function netmaskOf(subnet: Ipv4Subnet): Ipv4Address {
  return ipv4FromNumber(maskOf(subnet.prefixLength));
}

export function broadcastOf(subnet: Ipv4Subnet): Ipv4Address {
  return ipv4FromNumber((ipv4ToNumber(subnet.network) | ~maskOf(subnet.prefixLength)) >>> 0);
}

export function subnetContains(subnet: Ipv4Subnet, address: Ipv4Address): boolean {
  return (ipv4ToNumber(address) & maskOf(subnet.prefixLength)) >>> 0 === ipv4ToNumber(subnet.network);
}
