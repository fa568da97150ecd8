import { describe, expect, test } from "vitest";
import type { Ipv4Address, MacAddress } from "../../address.ts";
import { type BootDecision, type BootRequest, type BootTarget, decide } from "./decide.ts";

const address = "10.77.0.11" as Ipv4Address;
const now = new Date("2026-01-01T12:00:00.000Z");
const later = "2026-01-01T12:00:00.001Z";
const request = (changes: Partial<BootRequest>): BootRequest => ({
  protocol: "dhcp",
  mac: "52:54:00:77:00:11" as MacAddress,
  firmware: "uefi-x64",
  isPxeClient: true,
  isIpxe: false,
  ...changes,
});
type Attempt = NonNullable<Extract<BootTarget, { kind: "node" }>["attempt"]>;
const node = (attempt?: Partial<Attempt>): BootTarget => ({
  kind: "node",
  hostname: "node1",
  address,
  attempt:
    attempt === undefined
      ? undefined
      : {
          id: 7,
          purpose: "deploy",
          deadline: later,
          isDeployed: false,
          firmwares: ["bios-x86", "uefi-x64"],
          ...attempt,
        },
});

const rom = request({});
const romBios = request({ firmware: "bios-x86" });
const romUnsupported = request({ firmware: undefined });
const ipxeDhcp = request({ isIpxe: true });
const ipxeWithoutPxeClass = request({ isIpxe: true, isPxeClient: false });
const ipxeScript = request({ protocol: "ipxe", isIpxe: true });
const system = request({ firmware: undefined, isPxeClient: false });

const unknown: BootTarget = { kind: "unknown", hasPool: false };
const unknownWithPool: BootTarget = { kind: "unknown", hasPool: true };
const notArmed = node();
const armed = node({});
const overdue = node({ deadline: now.toISOString() });
const deployed = node({ isDeployed: true });
const rescue = node({ purpose: "rescue" });
const rescueOverdue = node({ purpose: "rescue", deadline: now.toISOString() });
const armedBiosOnly = node({ firmwares: ["bios-x86"] });

const silence: BootDecision = { kind: "ignore", reason: "unknown-mac" };
const noPool: BootDecision = { kind: "ignore", reason: "no-pool" };
const unsupported: BootDecision = { kind: "ignore", reason: "unsupported-firmware" };
const fromPool: BootDecision = { kind: "address-only", address: "from-pool" };
const addressOnly: BootDecision = { kind: "address-only", address };
const disk: BootDecision = { kind: "boot-local-disk", address };
const deploy: BootDecision = { kind: "deploy", attemptId: 7, address };
const intoRescue: BootDecision = { kind: "rescue", attemptId: 7, address };
const chainload: BootDecision = { kind: "chainload-ipxe", firmware: "uefi-x64", address };
const chainloadBios: BootDecision = { kind: "chainload-ipxe", firmware: "bios-x86", address };

const requests = { rom, romBios, romUnsupported, ipxeDhcp, ipxeWithoutPxeClass, ipxeScript, system };
const targets = {
  unknown,
  unknownWithPool,
  notArmed,
  armed,
  overdue,
  deployed,
  rescue,
  rescueOverdue,
  armedBiosOnly,
};

/** Every target with every request. */
const table: Record<keyof typeof targets, Record<keyof typeof requests, BootDecision>> = {
  unknown: {
    rom: silence,
    romBios: silence,
    romUnsupported: silence,
    ipxeDhcp: silence,
    ipxeWithoutPxeClass: silence,
    ipxeScript: silence,
    system: noPool,
  },
  unknownWithPool: {
    rom: silence,
    romBios: silence,
    romUnsupported: silence,
    ipxeDhcp: silence,
    ipxeWithoutPxeClass: silence,
    ipxeScript: silence,
    system: fromPool,
  },
  notArmed: {
    rom: disk,
    romBios: disk,
    romUnsupported: addressOnly,
    ipxeDhcp: disk,
    ipxeWithoutPxeClass: disk,
    ipxeScript: disk,
    system: addressOnly,
  },
  armed: {
    rom: chainload,
    romBios: chainloadBios,
    romUnsupported: addressOnly,
    ipxeDhcp: deploy,
    ipxeWithoutPxeClass: deploy,
    ipxeScript: deploy,
    system: addressOnly,
  },
  overdue: {
    rom: disk,
    romBios: disk,
    romUnsupported: addressOnly,
    ipxeDhcp: disk,
    ipxeWithoutPxeClass: disk,
    ipxeScript: disk,
    system: addressOnly,
  },
  deployed: {
    rom: disk,
    romBios: disk,
    romUnsupported: addressOnly,
    ipxeDhcp: disk,
    ipxeWithoutPxeClass: disk,
    ipxeScript: disk,
    system: addressOnly,
  },
  rescue: {
    rom: chainload,
    romBios: chainloadBios,
    romUnsupported: addressOnly,
    ipxeDhcp: intoRescue,
    ipxeWithoutPxeClass: intoRescue,
    ipxeScript: intoRescue,
    system: addressOnly,
  },
  rescueOverdue: {
    rom: disk,
    romBios: disk,
    romUnsupported: addressOnly,
    ipxeDhcp: disk,
    ipxeWithoutPxeClass: disk,
    ipxeScript: disk,
    system: addressOnly,
  },
  armedBiosOnly: {
    rom: chainload,
    romBios: chainloadBios,
    romUnsupported: addressOnly,
    ipxeDhcp: disk,
    ipxeWithoutPxeClass: disk,
    ipxeScript: unsupported,
    system: addressOnly,
  },
};

const rows = Object.entries(table).flatMap(([target, decisions]) =>
  Object.entries(decisions).map(
    ([from, decision]) =>
      [target, from, decision] as [keyof typeof targets, keyof typeof requests, BootDecision],
  ),
);

test.each(rows)("%s, asked by %s", (target, from, decision) => {
  expect(decide(requests[from], targets[target], now)).toEqual(decision);
});

describe("what must never happen", () => {
  test("a deploy without a live attempt, whoever asks", () => {
    const harmless = [unknown, unknownWithPool, notArmed, overdue, deployed, rescue, rescueOverdue];
    for (const target of harmless) {
      for (const from of Object.values(requests)) expect(decide(from, target, now).kind).not.toBe("deploy");
    }
  });

  test("iPXE is not chainloaded twice", () => {
    for (const target of Object.values(targets)) {
      for (const from of [ipxeDhcp, ipxeWithoutPxeClass, ipxeScript]) {
        expect(decide(from, target, now).kind).not.toBe("chainload-ipxe");
      }
    }
  });

  test("an attempt dies at its deadline, not after it", () => {
    expect(decide(ipxeScript, armed, now)).toEqual(deploy);
    expect(decide(ipxeScript, armed, new Date(later))).toEqual(disk);
  });

  test("a deadline that is no date counts as passed", () => {
    // Date.parse gives NaN, and nothing is smaller than NaN: the comparison must fail to the safe side.
    expect(decide(ipxeScript, node({ deadline: "soon" }), now)).toEqual(disk);
  });
});
