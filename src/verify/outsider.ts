/** The outsider: a machine on the nodes' network that they must refuse, made of a namespace of the bastion. */
import { openNamespace } from "../namespace.ts";
import { run } from "../run.ts";
import type { RunAt } from "./report.ts";
import { runThrough } from "./run-framed.ts";

export type OutsiderSettings = {
  /** The bastion's interface towards the nodes. */
  readonly interface: string;
  /** Reserved for this in the cluster file. */
  readonly address: string;
  readonly prefixLength: number;
};

export type Outsider = {
  readonly runAt: RunAt;
  /** Ends it: the kernel removes namespace and interface with their last process. */
  close(): Promise<void>;
};

/**
 * Makes a network namespace with a macvlan interface on the bastion's own, so that the outsider has a MAC and
 * an address of its own. Nothing else on the host is touched, and it dies with this process. It works as well
 * where the bastion is a namespace itself.
 * @throws ImagectlError NAMESPACE_FAILED without root, COMMAND_FAILED when the interface cannot carry a macvlan.
 */
export async function openOutsider(settings: OutsiderSettings): Promise<Outsider> {
  const namespace = await openNamespace("outsider", { isolation: "interfaces" });
  try {
    const link = `imo${namespace.pid}`;
    const macvlan = ["link", settings.interface, "name", link, "type", "macvlan", "mode", "bridge"];
    await run("ip", ["link", "add", ...macvlan], {
      hint: `Check that it exists and is no bridge port: ip -d link show ${settings.interface}`,
    });
    await run("ip", ["link", "set", "dev", link, "netns", String(namespace.pid)]);
    await namespace.ip("link", "set", "dev", link, "name", "eth0");
    await namespace.ip("address", "add", `${settings.address}/${settings.prefixLength}`, "dev", "eth0");
    await namespace.ip("link", "set", "dev", "eth0", "up");
  } catch (error) {
    await namespace.close();
    throw error;
  }
  return {
    runAt: runThrough("the outsider", [...namespace.enter, "sh"]),
    close: () => namespace.close(),
  };
}
