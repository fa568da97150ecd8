import { beforeEach, describe, expect, test } from "vitest";
import { sha256 } from "../digest.ts";
import type { NodePlan } from "../plan/plan.ts";
import { type Attempts, openAttempts } from "./attempts.ts";
import { openDatabase } from "./database.ts";
import { isInstalled } from "./installed.ts";
import { retireNode } from "./retire.ts";
import { openSeeds, type Seeds } from "./seeds.ts";

const now = new Date("2026-05-04T10:00:00Z");
let attempts: Attempts;
let seeds: Seeds;

beforeEach(() => {
  const database = openDatabase(":memory:");
  attempts = openAttempts(database);
  seeds = openSeeds(database, attempts);
});

function arm(hostname: string): number {
  const plan = { image: {}, node: { hostname, address: "10.77.0.11" } } as unknown as NodePlan;
  const deadline = new Date(now.getTime() + 3_600_000);
  return attempts.arm({ plan, imageId: "i", revision: "r", now, deadline }).id;
}

/** An attempt that got as far as the node's own system, with a certificate for the key. */
function deploy(hostname: string, hostKey: string): number {
  const id = arm(hostname);
  const token = sha256(`${hostname} ${id}`);
  seeds.mint(id, token, now);
  seeds.redeem(token, { address: "10.77.0.11", keySha256: sha256("k") }, now);
  seeds.claimHostKey(token, `${hostKey} root@${hostname}`);
  seeds.keepCertificate(token, "certificate");
  attempts.append(id, { kind: "deployed" }, now);
  return id;
}

describe("a retired node", () => {
  test("is installed no more, its keys are revoked, its history stays", () => {
    const id = deploy("node1", "ssh-ed25519 AAAA1");
    deploy("node2", "ssh-ed25519 AAAA2");
    const retired = retireNode(attempts, seeds, "node1", now);
    expect(retired).toMatchObject({
      attempt: { id, state: { stage: "retired", isLive: false } },
      wasLive: true,
      hostKeys: ["ssh-ed25519 AAAA1"],
    });
    expect(attempts.installed("node1")).toBeUndefined();
    expect(isInstalled(attempts.latest("node1")?.state)).toBe(false);
    expect(seeds.revokedHostKeys()).toEqual(["ssh-ed25519 AAAA1"]);
    expect(attempts.events({ node: "node1" }).map(({ body }) => body.kind)).toContain("deployed");
  });

  test("keys of all its attempts count, those without a certificate do not", () => {
    const first = deploy("node1", "ssh-ed25519 AAAA1");
    attempts.append(first, { kind: "disarmed" }, now);
    deploy("node1", "ssh-ed25519 AAAA2");
    expect(retireNode(attempts, seeds, "node1", now).hostKeys).toEqual([
      "ssh-ed25519 AAAA1",
      "ssh-ed25519 AAAA2",
    ]);
  });

  test("each node is known by its newest key, and a retired one by none until it is deployed anew", () => {
    attempts.append(deploy("node1", "ssh-ed25519 AAAA1"), { kind: "disarmed" }, now);
    deploy("node1", "ssh-ed25519 AAAA2");
    deploy("node2", "ssh-ed25519 AAAA3");
    expect(seeds.currentHostKeys()).toEqual([
      { node: "node1", hostKey: "ssh-ed25519 AAAA2" },
      { node: "node2", hostKey: "ssh-ed25519 AAAA3" },
    ]);
    retireNode(attempts, seeds, "node1", now);
    expect(seeds.currentHostKeys()).toEqual([{ node: "node2", hostKey: "ssh-ed25519 AAAA3" }]);
    deploy("node1", "ssh-ed25519 AAAA4");
    expect(seeds.currentHostKeys()).toContainEqual({ node: "node1", hostKey: "ssh-ed25519 AAAA4" });
  });

  test("that was armed anew and disarmed has no installed system left either", () => {
    attempts.append(
      deploy("node1", "ssh-ed25519 AAAA1"),
      { kind: "verify-finished", green: 1, red: 0, notApplicable: 0, isReady: true },
      now,
    );
    attempts.append(arm("node1"), { kind: "disarmed" }, now);
    expect(attempts.installed("node1")).toBeDefined();
    retireNode(attempts, seeds, "node1", now);
    expect(attempts.installed("node1")).toBeUndefined();
  });

  test("takes nothing in any more, and a second time changes nothing", () => {
    const id = deploy("node1", "ssh-ed25519 AAAA1");
    retireNode(attempts, seeds, "node1", now);
    attempts.append(id, { kind: "verify-started", checks: 3 }, now);
    const again = retireNode(attempts, seeds, "node1", now);
    expect(again).toMatchObject({ wasLive: false, hostKeys: ["ssh-ed25519 AAAA1"] });
    expect(attempts.get(id)?.state.stage).toBe("retired");
  });

  test("leaves its name to another machine, whose keys are good", () => {
    deploy("node1", "ssh-ed25519 AAAA1");
    retireNode(attempts, seeds, "node1", now);
    const id = deploy("node1", "ssh-ed25519 BBBB1");
    expect(attempts.installed("node1")?.id).toBe(id);
    expect(seeds.revokedHostKeys()).toEqual(["ssh-ed25519 AAAA1"]);
  });

  test("that was never armed is no error", () => {
    expect(retireNode(attempts, seeds, "node9", now)).toEqual({
      attempt: undefined,
      wasLive: false,
      hostKeys: [],
    });
  });
});
