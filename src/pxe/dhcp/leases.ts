/** Addresses for machines that are not nodes, from the cluster's pool. In memory: after a restart clients keep theirs. */
import { type Ipv4Address, ipv4FromNumber, ipv4ToNumber, type MacAddress } from "../../address.ts";

export type LeasePoolOptions = {
  readonly first: Ipv4Address;
  /** Inclusive. */
  readonly last: Ipv4Address;
  /** Addresses inside the range that belong to nodes, the bastion or the outsider. */
  readonly reserved: readonly Ipv4Address[];
  readonly leaseSeconds: number;
};

/** `nowMs`: any clock in milliseconds that does not jump. */
export type LeasePool = {
  /** Holds an address for a client that asked for any; undefined when every address is someone's. */
  offer(mac: MacAddress, requested: Ipv4Address | undefined, nowMs: number): Ipv4Address | undefined;
  /** Leases exactly this address; false when it is not the pool's or is another client's live lease. */
  lease(mac: MacAddress, address: Ipv4Address, nowMs: number): boolean;
  release(mac: MacAddress, address: Ipv4Address): void;
  /** The client found someone else using its address (RFC 2131 section 4.3.3): nobody gets it for a while. */
  decline(mac: MacAddress, address: Ipv4Address, nowMs: number): void;
};

/** How long an offered address waits for its REQUEST. Milliseconds. Our choice: clients answer within seconds. */
const offerHoldMs = 60_000;
/** How long an address in conflict is set aside. Milliseconds. Our choice; ISC dhcpd's default is a day. */
const conflictMs = 3_600_000;
/** The most addresses that a pool uses: the bound of its memory and of one search. Our choice: a /20. */
const largestPool = 4096;

type Lease = { readonly mac: MacAddress | "conflict"; readonly expiresAtMs: number };

/** Leases belong to MAC addresses, not to client-ids: ROM, iPXE and OS of one machine send different ones. */
export function createLeasePool(options: LeasePoolOptions): LeasePool {
  const first = ipv4ToNumber(options.first);
  const size = Math.min(ipv4ToNumber(options.last) - first + 1, largestPool);
  const reserved = new Set(options.reserved);
  const addresses = Array.from({ length: Math.max(0, size) }, (_, index) =>
    ipv4FromNumber(first + index),
  ).filter((address) => !reserved.has(address));
  const inPool = new Set(addresses);
  const leases = new Map<Ipv4Address, Lease>();
  const addressOf = new Map<MacAddress, Ipv4Address>();

  const isFreeFor = (mac: MacAddress, address: Ipv4Address, nowMs: number): boolean => {
    if (!inPool.has(address)) return false;
    const lease = leases.get(address);
    return lease === undefined || lease.mac === mac || lease.expiresAtMs <= nowMs;
  };
  const give = (mac: MacAddress, address: Ipv4Address, expiresAtMs: number): void => {
    forget(mac);
    const before = leases.get(address);
    if (before !== undefined && before.mac !== "conflict") addressOf.delete(before.mac);
    leases.set(address, { mac, expiresAtMs });
    addressOf.set(mac, address);
  };
  const forget = (mac: MacAddress): void => {
    const address = addressOf.get(mac);
    if (address === undefined) return;
    leases.delete(address);
    addressOf.delete(mac);
  };
  const longestExpired = (nowMs: number): Ipv4Address | undefined => {
    let found: Ipv4Address | undefined;
    let since = nowMs;
    for (const [address, { expiresAtMs }] of leases) {
      if (expiresAtMs > since || (found !== undefined && expiresAtMs === since)) continue;
      found = address;
      since = expiresAtMs;
    }
    return found;
  };

  return {
    offer: (mac, requested, nowMs) => {
      const own = addressOf.get(mac);
      const wished = requested !== undefined && isFreeFor(mac, requested, nowMs) ? requested : undefined;
      const unused = () => addresses.find((address) => !leases.has(address));
      const address = own ?? wished ?? unused() ?? longestExpired(nowMs);
      if (address === undefined) return undefined;
      const lease = leases.get(address);
      const runsUntilMs = lease !== undefined && lease.mac === mac ? lease.expiresAtMs : 0;
      give(mac, address, Math.max(runsUntilMs, nowMs + offerHoldMs));
      return address;
    },
    lease: (mac, address, nowMs) => {
      if (!isFreeFor(mac, address, nowMs)) return false;
      give(mac, address, nowMs + options.leaseSeconds * 1_000);
      return true;
    },
    release: (mac, address) => {
      if (addressOf.get(mac) === address) forget(mac);
    },
    decline: (mac, address, nowMs) => {
      if (addressOf.get(mac) !== address) return;
      forget(mac);
      leases.set(address, { mac: "conflict", expiresAtMs: nowMs + conflictMs });
    },
  };
}
