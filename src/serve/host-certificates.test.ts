/** Certificates that are renewed on running nodes. */
import { expect, test } from "vitest";
import { openAttempts } from "../nodes/attempts.ts";
import { openDatabase } from "../nodes/database.ts";
import type { NodePlan } from "../plan/plan.ts";
import type { RunAt } from "../verify/report.ts";
import { type CertifiedNode, renewCertificates, renewOrLog, runningNodes } from "./host-certificates.ts";

const node = { hostname: "node1", domain: "cluster", address: "10.77.0.11" } as CertifiedNode;

/** A node that has these two lines, and what was run there. */
function open(lines: string, writes = 0) {
  const ran: string[] = [];
  const logged: string[] = [];
  const asked: (string | undefined)[][] = [];
  const there: RunAt = async (script) => {
    ran.push(script);
    if (script.startsWith("cat ")) return { exitCode: 0, stdout: lines, stderr: "" };
    return { exitCode: writes, stdout: "", stderr: "no space left" };
  };
  const settings = {
    runOnNode: () => there,
    certificateFor: async (_node: CertifiedNode, hostKey: string, present: string | undefined) => {
      asked.push([hostKey, present]);
      return present === "good" ? present : "new";
    },
  };
  const log = (...words: readonly unknown[]) => void logged.push(words.join(" "));
  return { ran, logged, asked, log, renew: (each: CertifiedNode) => renewOrLog(settings, log, each) };
}

test("a good certificate stays", async () => {
  const { renew, ran, asked } = open("ssh-ed25519 AAAA root@node1\ngood\n");
  expect(await renew(node)).toBe(false);
  expect(asked).toEqual([["ssh-ed25519 AAAA", "good"]]);
  expect(ran).toHaveLength(1);
});

test.each([
  ["one that ends soon", "ssh-ed25519 AAAA\nold\n", "old"],
  ["none", "ssh-ed25519 AAAA\n", undefined],
])("%s is replaced whole, and sshd takes the new one", async (_name, lines, present) => {
  const { renew, ran, asked } = open(lines);
  expect(await renew(node)).toBe(true);
  expect(asked).toEqual([["ssh-ed25519 AAAA", present]]);
  expect(ran[1]).toMatch(/mv -f .*-cert.pub.new .*-cert.pub && systemctl reload ssh.service\nnew\nEND$/);
});

test("what cannot be written is said, and keeps nobody from the rest", async () => {
  const { renew, logged } = open("ssh-ed25519 AAAA\n", 1);
  expect(await renew(node)).toBe(false);
  expect(logged.join()).toContain("node1 its host certificate could not be looked at");
  expect(logged.join()).toContain("no space left");
});

test("a look begins with the keys that are known, and leaves out who is off", async () => {
  const order: string[] = [];
  const logged: string[] = [];
  await renewCertificates({
    nodes: () => [node, { ...node, hostname: "node2", address: "10.77.0.12" } as CertifiedNode],
    answersOnSsh: async (address) => address === "10.77.0.12",
    renew: async ({ hostname }) => order.push(hostname) > 0,
    refreshKnownHosts: async () => void order.push("refresh"),
    log: (...words) => void logged.push(words.join(" ")),
  });
  expect(order).toEqual(["refresh", "node2"]);
  expect(logged).toEqual(["node2 its host key is certified anew, for a year"]);
});

test("a node is looked at while it runs our system, also when another attempt was given up since", () => {
  const now = new Date("2026-11-29T12:00:00Z");
  const database = openDatabase(":memory:");
  const attempts = openAttempts(database);
  const arm = (hostname: string): number => {
    const plan = { image: {}, node: { hostname, address: "10.77.0.11" } } as unknown as NodePlan;
    const deadline = new Date(now.getTime() + 3_600_000);
    return attempts.arm({ plan, imageId: "i", revision: "r", now, deadline }).id;
  };
  const deploy = (hostname: string): void => {
    const id = arm(hostname);
    attempts.append(id, { kind: "deployed" }, now);
    attempts.append(id, { kind: "verify-finished", green: 1, red: 0, notApplicable: 0, isReady: true }, now);
  };
  for (const hostname of ["runs", "given-up", "on-its-way"]) deploy(hostname);
  attempts.append(arm("given-up"), { kind: "disarmed" }, now);
  arm("on-its-way");
  arm("never");
  expect(runningNodes(attempts).map(({ hostname }) => hostname)).toEqual(["given-up", "runs"]);
  database.close();
});
