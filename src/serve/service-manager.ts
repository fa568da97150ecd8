/** What serve owes the service manager that started it: that it is ready, and what that one's limits keep from it. */
import { Ipv4Subnet, subnetContains } from "../address.ts";
import { run } from "../run.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** systemd sets it for a unit of Type=notify (sd_notify(3)). */
const socketVariable = "NOTIFY_SOCKET";

/**
 * Tells systemd that the service is ready; nothing where none waits. Node opens no Unix datagram socket, and
 * systemd-notify speaks in the name of the process that started it.
 * @throws ImagectlError COMMAND_FAILED.
 */
export async function sayReady(environment: Environment): Promise<void> {
  if (environment[socketVariable] === undefined) return;
  await run("systemd-notify", ["--ready"], { hint: "systemd waits for this: journalctl -u imagectl" });
}

/** What packaging/imagectl.service lets through: IANA's IPv4 special-purpose registry, as far as nodes live there. */
export const privateNetworks = [
  "10.0.0.0/8",
  "172.16.0.0/12",
  "192.168.0.0/16",
  "100.64.0.0/10",
  "198.18.0.0/15",
] as const;

/**
 * @returns what to say to an operator whose nodes have public addresses, which the unit drops unless it was told of
 *   them; undefined where there is nothing to say.
 */
export function addressWarning(subnet: Ipv4Subnet, environment: Environment): string | undefined {
  if (environment[socketVariable] === undefined) return undefined;
  if (privateNetworks.some((text) => subnetContains(Ipv4Subnet.parse(text), subnet.network)))
    return undefined;
  const text = `${subnet.network}/${subnet.prefixLength}`;
  return `${text} is no private network, and the unit drops such packets: add IPAddressAllow=${text} by systemctl edit imagectl`;
}
