import { describe, expect, test } from "vitest";
import type { Ipv4Address, MacAddress } from "../../address.ts";
import { createLeasePool } from "./leases.ts";

const ip = (last: number) => `10.77.0.${last}` as Ipv4Address;
const mac = (last: number) => `52:54:00:00:00:${String(last).padStart(2, "0")}` as MacAddress;
const pool = (first: number, last: number, reserved: readonly number[] = []) =>
  createLeasePool({ first: ip(first), last: ip(last), reserved: reserved.map(ip), leaseSeconds: 100 });

describe("a lease pool", () => {
  test("offers the lowest unused address, and the same one again to the same client", () => {
    const leases = pool(200, 202);
    expect(leases.offer(mac(1), undefined, 0)).toBe(ip(200));
    expect(leases.offer(mac(2), undefined, 0)).toBe(ip(201));
    expect(leases.offer(mac(1), undefined, 0)).toBe(ip(200));
  });

  test("gives the address that a client asks for when it is free", () => {
    const leases = pool(200, 202);
    expect(leases.offer(mac(1), ip(202), 0)).toBe(ip(202));
    expect(leases.offer(mac(2), ip(202), 0)).toBe(ip(200));
    expect(leases.offer(mac(3), "192.168.0.9" as Ipv4Address, 0)).toBe(ip(201));
  });

  test("never gives a reserved address", () => {
    const leases = pool(200, 201, [200]);
    expect(leases.offer(mac(1), ip(200), 0)).toBe(ip(201));
    expect(leases.lease(mac(1), ip(200), 0)).toBe(false);
  });

  test("never gives another client's live lease away, however full it is", () => {
    const leases = pool(200, 200);
    expect(leases.lease(mac(1), ip(200), 0)).toBe(true);
    expect(leases.offer(mac(2), undefined, 99_999)).toBeUndefined();
    expect(leases.lease(mac(2), ip(200), 99_999)).toBe(false);
    expect(leases.lease(mac(2), ip(200), 100_000)).toBe(true);
  });

  test("an unused address is taken before an expired one, the longest expired first", () => {
    const leases = pool(200, 202);
    leases.lease(mac(1), ip(201), 0);
    leases.lease(mac(2), ip(200), 5_000);
    expect(leases.offer(mac(3), undefined, 200_000)).toBe(ip(202));
    expect(leases.offer(mac(4), undefined, 200_000)).toBe(ip(201));
    expect(leases.offer(mac(5), undefined, 200_000)).toBe(ip(200));
    expect(leases.offer(mac(6), undefined, 200_000)).toBeUndefined();
  });

  test("an expired client gets its own address back while nobody else has it", () => {
    const leases = pool(200, 210);
    leases.lease(mac(1), ip(205), 0);
    expect(leases.offer(mac(1), undefined, 500_000)).toBe(ip(205));
  });

  test("an offer nobody requests is free again after a minute", () => {
    const leases = pool(200, 200);
    leases.offer(mac(1), undefined, 0);
    expect(leases.offer(mac(2), undefined, 59_999)).toBeUndefined();
    expect(leases.offer(mac(2), undefined, 60_000)).toBe(ip(200));
    expect(leases.lease(mac(1), ip(200), 60_001)).toBe(false);
  });

  test("an offer to a client does not shorten the lease that it has", () => {
    const leases = pool(200, 200);
    leases.lease(mac(1), ip(200), 0);
    leases.offer(mac(1), undefined, 1_000);
    expect(leases.offer(mac(2), undefined, 99_000)).toBeUndefined();
  });

  test("after a restart a client that renews keeps its address", () => {
    expect(pool(200, 210).lease(mac(7), ip(207), 0)).toBe(true);
  });

  test("a client has one address: leasing a second gives the first back", () => {
    const leases = pool(200, 201);
    leases.lease(mac(1), ip(200), 0);
    leases.lease(mac(1), ip(201), 0);
    expect(leases.offer(mac(2), undefined, 1)).toBe(ip(200));
  });

  test("a released address is free at once, but only its holder can release it", () => {
    const leases = pool(200, 200);
    leases.lease(mac(1), ip(200), 0);
    leases.release(mac(2), ip(200));
    expect(leases.offer(mac(2), undefined, 1)).toBeUndefined();
    leases.release(mac(1), ip(200));
    expect(leases.offer(mac(2), undefined, 1)).toBe(ip(200));
  });

  test("a declined address is nobody's for an hour, but only its holder can decline it", () => {
    const leases = pool(200, 201);
    leases.lease(mac(1), ip(200), 0);
    leases.decline(mac(2), ip(200), 0);
    expect(leases.offer(mac(1), undefined, 0)).toBe(ip(200));
    leases.decline(mac(1), ip(200), 0);
    expect(leases.offer(mac(1), undefined, 0)).toBe(ip(201));
    expect(leases.offer(mac(2), ip(200), 3_599_999)).not.toBe(ip(200));
    expect(leases.lease(mac(3), ip(200), 3_600_000)).toBe(true);
  });

  test("a pool written backwards is empty", () => {
    expect(pool(210, 200).offer(mac(1), undefined, 0)).toBeUndefined();
  });

  test("a flood of clients takes no more than the pool has", () => {
    const leases = createLeasePool({
      first: "10.0.0.1" as Ipv4Address,
      last: "10.255.255.254" as Ipv4Address,
      reserved: [],
      leaseSeconds: 100,
    });
    const given = new Set(
      Array.from({ length: 5_000 }, (_, index) =>
        leases.offer(
          `02:00:00:00:${(index >> 8).toString(16)}:${(index & 0xff).toString(16)}` as MacAddress,
          undefined,
          0,
        ),
      ),
    );
    expect(given.has(undefined)).toBe(true);
    expect(given.size).toBe(4_097);
  });
});
