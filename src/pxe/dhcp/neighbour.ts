/** Asks the kernel for the hardware address behind an IP address of the local network. */
import { type Ipv4Address, MacAddress } from "../../address.ts";
import { run } from "../../run.ts";

/** @returns undefined when the neighbour table does not have it. */
export async function hardwareAddressOf(address: Ipv4Address): Promise<MacAddress | undefined> {
  const { stdout } = await run("ip", ["neigh", "show", address], { okExitCodes: [0, 1] });
  return parseNeighbour(stdout);
}

/** Reads `10.77.0.9 dev br0 lladdr 52:54:00:77:00:09 REACHABLE` (ip-neighbour(8)). */
export function parseNeighbour(text: string): MacAddress | undefined {
  const parsed = MacAddress.safeParse(/ lladdr (\S+)/.exec(text)?.[1]);
  return parsed.success ? parsed.data : undefined;
}
