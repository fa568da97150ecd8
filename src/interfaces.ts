/** The network interfaces of this machine as ip(8) shows them, and what keeps one from being the bastion's. */
import { pageFile } from "./paths.ts";
import { run } from "./run.ts";

/** One network interface as `ip -json address` has it. */
export type InterfaceFact = {
  readonly name: string;
  readonly mac: string;
  readonly isUp: boolean;
  /** Its link: a cable, a switch that is on. */
  readonly hasCarrier: boolean;
  /** IPv4 only. */
  readonly addresses: readonly { readonly address: string; readonly prefixLength: number }[];
};

type IpAddressEntry = {
  readonly ifname: string;
  readonly flags: readonly string[];
  readonly address?: string;
  readonly addr_info: readonly {
    readonly family: string;
    readonly local: string;
    readonly prefixlen: number;
  }[];
};

/** Unlike Node's own list it has those that are down or without an address, which is what mostly is wrong. */
export async function readInterfaces(): Promise<InterfaceFact[]> {
  const { stdout } = await run("ip", ["-json", "address", "show"]);
  return (JSON.parse(stdout) as IpAddressEntry[]).map((entry) => ({
    name: entry.ifname,
    mac: entry.address ?? "",
    isUp: entry.flags.includes("UP"),
    hasCarrier: entry.flags.includes("LOWER_UP"),
    addresses: entry.addr_info
      .filter(({ family }) => family === "inet")
      .map(({ local, prefixlen }) => ({ address: local, prefixLength: prefixlen })),
  }));
}

export type WantedInterface = {
  readonly name: string;
  readonly address: string;
  readonly prefixLength: number;
};

/**
 * @returns what keeps the interface from being the one that nodes are served on, said of it ("is down"), with the
 *   command that mends it.
 */
export function complainAboutInterface(
  { name, address, prefixLength }: WantedInterface,
  interfaces: readonly InterfaceFact[],
): { readonly message: string; readonly hint: string } | undefined {
  const found = interfaces.find((each) => each.name === name);
  if (found === undefined) {
    return {
      message: `does not exist; there are: ${interfaces.map((each) => each.name).join(", ")}`,
      hint: "Name the right one under bastion.interface in cluster.yaml",
    };
  }
  const hasAddress = found.addresses.some((each) => each.address === address);
  const elsewhere = interfaces.find((each) => each.addresses.some((other) => other.address === address));
  if (!hasAddress && elsewhere !== undefined) {
    return {
      message: `does not have the address ${address}: ${elsewhere.name} has it`,
      hint: `Set bastion.interface to ${elsewhere.name} in cluster.yaml`,
    };
  }
  const up = `sudo ip link set ${name} up`;
  const give = `sudo ip address add ${address}/${prefixLength} dev ${name}`;
  const mend = [...(hasAddress ? [] : [give]), ...(found.isUp ? [] : [up])].join(" && ");
  // What ip(8) sets is gone after a restart.
  const hint = `${mend}; to keep it over a restart: ${pageFile("operate.md")}`;
  if (!hasAddress) return { message: `does not have the address ${address}`, hint };
  if (!found.isUp) return { message: "is down", hint };
  if (found.hasCarrier) return undefined;
  return {
    message: "has no link",
    hint: `Look at its cable and its port of the switch; then: ip -br link show ${name}`,
  };
}
