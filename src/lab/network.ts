/** The lab's network: a switch, a bastion that serves the time and, where wanted, an outsider, in namespaces. */
import { type Namespace, openNamespace } from "../namespace.ts";
import type { StartedProcess } from "../run.ts";
import { startTimeServer } from "./time-server.ts";

export type LabAddresses = {
  readonly bastion: string;
  /** Undefined: no outsider stands ready, since the bastion under test makes its own. */
  readonly outsider: string | undefined;
  readonly prefixLength: number;
  /** What the bastion calls its interface. */
  readonly bastionInterface: string;
};

export type LabNetwork = {
  readonly bastion: Namespace;
  readonly outsider: Namespace | undefined;
  /** Where virtual machines run: their tap interfaces are ports of the switch. */
  readonly switch: Namespace;
  /** An outsider with this address, for a lab that was opened without one. It ends with the network. */
  addOutsider(address: string): Promise<Namespace>;
  /** Plugs a machine's namespace into the switch. The interface is down: its own system brings it up. */
  plug(machine: Namespace, interfaceName: string, mac: string): Promise<void>;
  /** Adds a tap interface to the switch, for a virtual machine. */
  addTap(name: string): Promise<void>;
  /** Takes a machine off the switch, or puts it back: a pulled cable. */
  setCable(port: string, state: "up" | "down"): Promise<void>;
  close(): Promise<void>;
};

/** Locally administered, fixed: two labs never share a switch. */
const bastionMac = "52:54:00:77:00:01";
const outsiderMac = "52:54:00:77:00:fa";

/**
 * Makes the network. Any number of labs stand side by side: nothing of them has a name outside of its own
 * namespaces, and all of it ends with this process, however that ends.
 * @throws ImagectlError NAMESPACE_FAILED without root, LAB_BOOT_FAILED without chronyd.
 */
export async function openLabNetwork(addresses: LabAddresses): Promise<LabNetwork> {
  const open: Namespace[] = [];
  let timeServer: StartedProcess | undefined;
  const close = async (): Promise<void> => {
    timeServer?.stop("SIGKILL");
    await timeServer?.exited;
    await Promise.all(open.map((namespace) => namespace.close()));
  };
  const opened = async (name: string): Promise<Namespace> => {
    const namespace = await openNamespace(name);
    open.push(namespace);
    return namespace;
  };
  try {
    const board = await opened("switch");
    await board.ip("link", "add", "br0", "type", "bridge", "mcast_snooping", "0");
    await board.ip("link", "set", "dev", "br0", "up");
    const bastion = await opened("bastion");
    await plug(board, bastion, "port-bastion", addresses.bastionInterface, bastionMac);
    await giveAddress(bastion, addresses.bastionInterface, `${addresses.bastion}/${addresses.prefixLength}`);
    timeServer = await startTimeServer(bastion);
    const addOutsider = async (address: string): Promise<Namespace> => {
      const place = await opened("outsider");
      await plug(board, place, portOf(place, "eth0"), "eth0", outsiderMac);
      await giveAddress(place, "eth0", `${address}/${addresses.prefixLength}`);
      return place;
    };
    const outsider = addresses.outsider === undefined ? undefined : await addOutsider(addresses.outsider);
    return {
      bastion,
      outsider,
      switch: board,
      addOutsider,
      plug: (machine, name, mac) => plug(board, machine, portOf(machine, name), name, mac),
      addTap: async (name) => {
        await board.ip("tuntap", "add", "dev", name, "mode", "tap");
        await board.ip("link", "set", "dev", name, "master", "br0", "up");
      },
      setCable: (port, state) => board.ip("link", "set", "dev", port, state),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** A machine's first card needs no number. At most 15 characters (IFNAMSIZ, linux/if.h). */
export function portOf({ pid }: Namespace, interfaceName: string): string {
  const number = interfaceName.replace(/\D/g, "");
  return number === "0" ? `port-${pid}` : `port-${pid}-${number}`;
}

/** A cable: one end is a port of the switch, the other the machine's interface. */
async function plug(
  board: Namespace,
  machine: Namespace,
  port: string,
  interfaceName: string,
  mac: string,
): Promise<void> {
  const far = ["peer", "name", interfaceName, "address", mac, "netns", String(machine.pid)];
  await board.ip("link", "add", "name", port, "type", "veth", ...far);
  await board.ip("link", "set", "dev", port, "master", "br0", "up");
}

async function giveAddress(machine: Namespace, interfaceName: string, address: string): Promise<void> {
  await machine.ip("address", "add", address, "dev", interfaceName);
  await machine.ip("link", "set", "dev", interfaceName, "up");
}
