import { describe, expect, test } from "vitest";
import { parseCluster, requireCluster } from "../cluster/parse.ts";
import type { NodePlan } from "../plan/plan.ts";
import type { Check } from "../roles/role.ts";
import type { Report } from "../verify/report.ts";
import {
  chooseNodes,
  findFault,
  isGood,
  listFaults,
  type Rehearsal,
  rehearsalsJson,
  showRehearsals,
} from "./rehearsal.ts";

const text = `cluster: lab
network: {subnet: 10.77.0.0/24, domain: cluster, dns: [], outsider: 10.77.0.250}
bastion: {hostname: bastion, address: 10.77.0.1, interface: eth1}
users: {}
groups:
  gpu: {os: os-1, method: golden, roles: [], disk: {match: {}}}
  storage: {os: os-2, method: golden, roles: [], disk: {match: {}}}
  desk: {os: os-1, method: none, roles: []}
nodes:
  node1: {mac: "52:54:00:77:00:11", address: 10.77.0.11, group: gpu}
  node2: {mac: "52:54:00:77:00:12", address: 10.77.0.12, group: gpu, os: os-2}
  node3: {mac: "52:54:00:77:00:13", address: 10.77.0.13, group: storage}
  node4: {mac: "52:54:00:77:00:14", address: 10.77.0.14, group: desk}
`;
const cluster = requireCluster(parseCluster(text, "cluster.yaml"), "cluster.yaml");
const namesOf = (names: readonly string[], os?: string): string[] =>
  chooseNodes(cluster, names, os).map(({ name }) => name);

const check: Check = {
  role: "a-role",
  name: "No password is asked for",
  from: "bastion",
  run: "true",
  expect: { exit: 0 },
  gate: true,
  needs: [],
  fault: { kind: "remove", path: "/etc/x" },
  timeoutSeconds: 5,
};
const plan = { node: { checks: [check] } } as unknown as NodePlan;

describe("which nodes are rehearsed", () => {
  test.each<[string, readonly string[], string | undefined, readonly string[]]>([
    ["the first of each group that is installed", [], undefined, ["node1", "node3"]],
    ["those that are named", ["node2", "node1"], undefined, ["node1", "node2"]],
    ["those of one system, by their own setting where they have one", [], "os-2", ["node2", "node3"]],
  ])("%s", (_name, names, os, expected) => {
    expect(namesOf(names, os)).toEqual(expected);
  });

  test("a name that is none is refused with the nearest one", () => {
    expect(() => namesOf(["node11"])).toThrow(
      expect.objectContaining({ code: "NODE_UNKNOWN", hint: "Did you mean: --node node1" }),
    );
  });

  test("nothing to rehearse is an error, not a success", () => {
    expect(() => namesOf(["node4"])).toThrow(expect.objectContaining({ code: "OS_UNUSED" }));
  });
});

describe("which fault is meant", () => {
  test("a check by its role and name, or a part of them, in any case", () => {
    const fault = findFault("a-role: no password", "namespaces", [plan]);
    expect(fault.kind === "checks" && fault.isMeant(check)).toBe(true);
  });

  test("a fault that needs a machine of its own says which level has it", () => {
    expect(() => findFault("server-killed", "namespaces", [plan])).toThrow(
      expect.objectContaining({ hint: "imagectl test --level vm --fault server-killed" }),
    );
  });

  test("what is none is refused with the command that lists them", () => {
    expect(() => findFault("earthquake", "namespaces", [plan])).toThrow(
      expect.objectContaining({ code: "USAGE", hint: "List them: imagectl test --list-faults" }),
    );
  });

  test("the list has each by the name that --fault takes", () => {
    expect(
      listFaults([plan, plan]).match(/a-role: No password is asked for +removes \/etc\/x/g),
    ).toHaveLength(1);
    expect(listFaults([plan])).toMatch(/^network-unplugged /m);
  });
});

const report: Report = {
  node: "node1",
  startedAt: "2026-05-04T10:00:00.000Z",
  results: [{ check, outcome: "green", reason: "", seconds: 0.1 }],
  isReady: true,
};
const rehearsal: Rehearsal = { node: "node1", group: "gpu", os: "os-1", report, faults: [] };

test("a rehearsal is good when the nodes are ready and every fault was noticed", () => {
  const missed = { fault: "a-role: x", isProved: false, reason: "stayed green with its fault" };
  expect(isGood([rehearsal])).toBe(true);
  expect(isGood([rehearsal, { ...rehearsal, report: { ...report, isReady: false } }])).toBe(false);
  expect(isGood([{ ...rehearsal, faults: [missed] }])).toBe(false);
  expect(showRehearsals("vm", [{ ...rehearsal, faults: [missed] }])).toContain(
    "NOT PROVED  a-role: x: stayed green with its fault",
  );
});

test("checks that need a machine name the level that has one, once", () => {
  const unmet = { ...check, needs: ["kernel-audit"] };
  const partial = {
    ...report,
    results: [
      ...report.results,
      { check: unmet, outcome: "not-applicable" as const, reason: "needs kernel-audit", seconds: 0 },
    ],
  };
  const shown = showRehearsals("namespaces", [{ ...rehearsal, report: partial }]);
  expect(shown).toContain(
    "Some checks need a machine of their own (kernel-audit): imagectl test --level vm\n",
  );
  expect(showRehearsals("vm", [{ ...rehearsal, report: partial }])).not.toContain("--level vm");
});

test("as JSON it says at the top whether all is good, and holds every check by name", () => {
  expect(JSON.parse(rehearsalsJson("namespaces", [rehearsal]))).toMatchObject({
    level: "namespaces",
    isGood: true,
    nodes: [{ node: "node1", group: "gpu", report: { results: [{ role: "a-role", outcome: "green" }] } }],
  });
});
