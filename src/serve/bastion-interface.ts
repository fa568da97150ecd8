/** The bastion's interface as the system has it: it must exist, be up and have the address of the cluster file. */
import { MacAddress } from "../address.ts";
import { ImagectlError } from "../errors.ts";
import { complainAboutInterface, readInterfaces, type WantedInterface } from "../interfaces.ts";

/**
 * @returns its hardware address.
 * @throws ImagectlError INTERFACE_UNUSABLE with the command that mends it.
 */
export async function requireInterface(wanted: WantedInterface): Promise<MacAddress> {
  const interfaces = await readInterfaces();
  const complaint = complainAboutInterface(wanted, interfaces);
  if (complaint !== undefined) {
    const { message, hint } = complaint;
    throw new ImagectlError("INTERFACE_UNUSABLE", `${wanted.name} ${message}`, { hint });
  }
  return MacAddress.parse(interfaces.find(({ name }) => name === wanted.name)?.mac);
}
