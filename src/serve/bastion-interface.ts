/** The bastion's interface as the system has it: it must exist, be up and have the address of the cluster file. */
import { networkInterfaces } from "node:os";
import { type Ipv4Address, MacAddress } from "../address.ts";
import { ImagectlError } from "../errors.ts";

/**
 * @returns its hardware address.
 * @throws ImagectlError INTERFACE_UNUSABLE with the command that mends it.
 */
export function requireInterface(name: string, address: Ipv4Address, prefixLength: number): MacAddress {
  const all = networkInterfaces();
  const own = all[name];
  const hasAddress = own?.find((entry) => entry.family === "IPv4" && entry.address === address);
  if (hasAddress !== undefined) return MacAddress.parse(hasAddress.mac);
  const elsewhere = Object.entries(all).find(([, entries]) =>
    entries?.some((entry) => entry.address === address),
  );
  const message =
    elsewhere === undefined
      ? `${name} does not have the address ${address}`
      : `${address} is an address of ${elsewhere[0]}, not of ${name}`;
  throw new ImagectlError("INTERFACE_UNUSABLE", message, {
    hint:
      elsewhere === undefined
        ? `Give it its address and bring it up: ip address add ${address}/${prefixLength} dev ${name} && ip link set ${name} up. What there is: ip -br address`
        : `Set bastion.interface in cluster.yaml, or run: imagectl serve --interface ${elsewhere[0]}`,
  });
}
