/** The only place where boot is decided. */
import type { Ipv4Address, MacAddress } from "../../address.ts";
import type { Firmware } from "../../store/manifest.ts";

/** One question of one machine, whichever protocol it came by. */
export type BootRequest = {
  readonly protocol: "dhcp" | "ipxe";
  readonly mac: MacAddress;
  /** Undefined for machines that do not network-boot (an OS asking for an address). */
  readonly firmware: Firmware | undefined;
  readonly isPxeClient: boolean;
  /** Already iPXE: by user class (option 77) or option 175. */
  readonly isIpxe: boolean;
};

/** What is known of that machine. */
export type BootTarget =
  | { readonly kind: "unknown"; readonly hasPool: boolean }
  | {
      readonly kind: "node";
      readonly hostname: string;
      readonly address: Ipv4Address;
      /** Undefined: not armed. */
      readonly attempt:
        | undefined
        | {
            readonly id: number;
            /** `rescue`: the deploy environment comes up, and nothing is ever written to a disk. */
            readonly purpose: "deploy" | "rescue";
            /** ISO 8601, UTC. */
            readonly deadline: string;
            /** Nothing is written to a disk any more once this is true. */
            readonly isDeployed: boolean;
            /** Firmwares that the attempt's image can boot. */
            readonly firmwares: readonly Firmware[];
          };
    };

export type BootDecision =
  | { readonly kind: "chainload-ipxe"; readonly firmware: Firmware; readonly address: Ipv4Address }
  /** DHCP: the URL of the script. iPXE: the script that deploys. */
  | { readonly kind: "deploy"; readonly attemptId: number; readonly address: Ipv4Address }
  /** As `deploy`, for the deploy environment that only waits for a person. */
  | { readonly kind: "rescue"; readonly attemptId: number; readonly address: Ipv4Address }
  | { readonly kind: "boot-local-disk"; readonly address: Ipv4Address }
  /** An address and nothing to boot: for installed systems and for machines from the pool. */
  | { readonly kind: "address-only"; readonly address: Ipv4Address | "from-pool" }
  | { readonly kind: "ignore"; readonly reason: "unknown-mac" | "no-pool" | "unsupported-firmware" };

/**
 * Decides what one machine boots. Total: every request of every machine has an answer, and being ignored is
 * one, with its reason. Counts nothing and changes nothing: the same question gets the same answer.
 *
 * An attempt is live until its deadline or until the deploy is reported; only then is anything but the local
 * disk ever offered to a node.
 */
export function decide(request: BootRequest, target: BootTarget, now: Date): BootDecision {
  const wantsBoot = request.isPxeClient || request.isIpxe;
  if (target.kind === "unknown") {
    if (wantsBoot) return { kind: "ignore", reason: "unknown-mac" };
    return target.hasPool
      ? { kind: "address-only", address: "from-pool" }
      : { kind: "ignore", reason: "no-pool" };
  }
  const { address, attempt } = target;
  const { firmware } = request;
  // Nothing we have would run on other firmware: it gets its address, as an installed system does.
  if (!wantsBoot || firmware === undefined) return { kind: "address-only", address };
  if (attempt === undefined || attempt.isDeployed || !(now.getTime() < Date.parse(attempt.deadline))) {
    return { kind: "boot-local-disk", address };
  }
  // iPXE is loaded in any case: its script can say on the console why there is nothing to deploy.
  if (!request.isIpxe) return { kind: "chainload-ipxe", firmware, address };
  if (attempt.firmwares.includes(firmware)) return { kind: attempt.purpose, attemptId: attempt.id, address };
  return request.protocol === "ipxe"
    ? { kind: "ignore", reason: "unsupported-firmware" }
    : { kind: "boot-local-disk", address };
}
