/** What is known of the machine that asks: the cluster file says who it is, the attempts whether it is to be installed. */
import type { MacAddress } from "../address.ts";
import type { ClusterConfig } from "../cluster/config.ts";
import type { Attempt } from "../nodes/attempts.ts";
import type { BootTarget } from "../pxe/boot/decide.ts";
import type { Firmware } from "../store/manifest.ts";

export type TargetSources = {
  readonly cluster: () => ClusterConfig;
  readonly latestAttempt: (node: string) => Attempt | undefined;
  /** Firmwares that an image can be booted by; none when its manifest is not at hand. */
  readonly firmwaresOf: (imageId: string) => readonly Firmware[];
};

/** @returns how DHCP and the boot route look a machine up. */
export function targetLookup(sources: TargetSources): (mac: MacAddress) => BootTarget {
  return (mac) => {
    const cluster = sources.cluster();
    const node = cluster.nodes.find((candidate) => candidate.mac === mac);
    if (node === undefined) return { kind: "unknown", hasPool: cluster.pool !== undefined };
    const attempt = sources.latestAttempt(node.name);
    if (attempt?.state.isLive !== true) {
      return { kind: "node", hostname: node.name, address: node.address, attempt: undefined };
    }
    const { deadline, isDeployed, purpose } = attempt.state;
    const firmwares = sources.firmwaresOf(attempt.imageId);
    return {
      kind: "node",
      hostname: node.name,
      // The one that its seed session is bound to, even if the file has another by now.
      address: attempt.address as typeof node.address,
      attempt: { id: attempt.id, purpose: purpose ?? "deploy", deadline, isDeployed, firmwares },
    };
  };
}
