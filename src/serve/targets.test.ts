import { expect, test } from "vitest";
import { Ipv4Address, MacAddress } from "../address.ts";
import type { ClusterConfig } from "../cluster/config.ts";
import type { Attempt } from "../nodes/attempts.ts";
import { targetLookup } from "./targets.ts";

const mac = MacAddress.parse("52:54:00:77:00:11");
const address = Ipv4Address.parse("10.77.0.11");
const deadline = "2026-05-04T12:00:00.000Z";

function lookup(attempt: Partial<Attempt["state"]> | undefined, pool?: ClusterConfig["pool"]) {
  return targetLookup({
    cluster: () => ({ nodes: [{ name: "node1", mac, address }], pool }) as unknown as ClusterConfig,
    latestAttempt: () =>
      attempt === undefined
        ? undefined
        : ({
            id: 7,
            imageId: "i",
            address: "10.77.0.12",
            state: { deadline, ...attempt },
          } as unknown as Attempt),
    firmwaresOf: (imageId) => (imageId === "i" ? ["uefi-x64"] : []),
  });
}

test("a machine that is not in the cluster file is unknown, with or without a pool", () => {
  const other = MacAddress.parse("52:54:00:99:99:99");
  expect(lookup(undefined)(other)).toEqual({ kind: "unknown", hasPool: false });
  expect(lookup(undefined, { first: address, last: address })(other)).toEqual({
    kind: "unknown",
    hasPool: true,
  });
});

test("a node that was never armed, or whose attempt is over, has no attempt and the file's address", () => {
  const node = { kind: "node", hostname: "node1", address, attempt: undefined };
  expect(lookup(undefined)(mac)).toEqual(node);
  expect(lookup({ isLive: false, isDeployed: true })(mac)).toEqual(node);
});

test("a live attempt comes with its deadline, the image's firmwares and the address it was armed with", () => {
  expect(lookup({ isLive: true, isDeployed: false })(mac)).toEqual({
    kind: "node",
    hostname: "node1",
    address: "10.77.0.12",
    attempt: { id: 7, purpose: "deploy", deadline, isDeployed: false, firmwares: ["uefi-x64"] },
  });
  expect(lookup({ isLive: true, isDeployed: false, purpose: "rescue" })(mac)).toMatchObject({
    attempt: { purpose: "rescue" },
  });
});
