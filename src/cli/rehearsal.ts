/** What a rehearsal is about: which nodes of the cluster file, with which images, and which faults. Values in, values out. */
import type { ClusterConfig, Node } from "../cluster/config.ts";
import { ImagectlError } from "../errors.ts";
import type { FaultProof } from "../lab/acceptance.ts";
import { nearestOf } from "../nearest.ts";
import type { NodePlan } from "../plan/plan.ts";
import type { Check } from "../roles/role.ts";
import type { Artefact, Image } from "../store/manifest.ts";
import type { Report } from "../verify/report.ts";
import { reportJson, reportSummary, reportTable } from "../verify/show-report.ts";
import { formatTable } from "./table.ts";

export const levels = ["namespaces", "vm"] as const;
export type Level = (typeof levels)[number];

/** A node to rehearse, as the plan sees it. */
export type Actor = { readonly node: Node; readonly plan: NodePlan; readonly image: Image };

/** Faults of what is around a node, with the levels that have it. */
export const infrastructureFaults: Readonly<
  Record<string, { readonly levels: readonly Level[]; readonly what: string }>
> = {
  "network-unplugged": {
    levels: ["namespaces", "vm"],
    what: "the node's cable is pulled; on a vm for a minute while its root is streamed",
  },
  "server-killed": { levels: ["vm"], what: "kill -9 of imagectl serve while the root is streamed" },
};

export type Fault =
  | { readonly kind: "network-unplugged" | "server-killed" }
  /** The faults of these checks, which are their own. */
  | { readonly kind: "checks"; readonly isMeant: (check: Check) => boolean };

/**
 * @param names of nodes, as the command line gives them; none: the first installable node of each group.
 * @param os only groups and nodes of this system.
 * @throws ImagectlError NODE_UNKNOWN, OS_UNUSED.
 */
export function chooseNodes(
  cluster: ClusterConfig,
  names: readonly string[],
  os: string | undefined,
): readonly Node[] {
  const groups = new Map(cluster.groups.map((group) => [group.name, group]));
  const isWanted = (node: Node): boolean => {
    const group = groups.get(node.group);
    return group?.method === "golden" && (os === undefined || (node.os ?? group.os) === os);
  };
  const known = cluster.nodes.map(({ name }) => name);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    const nearest = nearestOf(unknown, known);
    throw new ImagectlError("NODE_UNKNOWN", `the cluster file has no node ${unknown}`, {
      hint:
        nearest === undefined ? "imagectl validate shows what it has." : `Did you mean: --node ${nearest}`,
    });
  }
  const wanted = cluster.nodes.filter(isWanted);
  const chosen =
    names.length > 0
      ? wanted.filter(({ name }) => names.includes(name))
      : wanted.filter(({ group }, index) => wanted.findIndex((other) => other.group === group) === index);
  if (chosen.length > 0) return chosen;
  throw new ImagectlError("OS_UNUSED", "no node of the cluster file is left to rehearse", {
    hint: "Nodes of groups with method: golden can be rehearsed; --os and --node leave out the others.",
  });
}

/** `sshd: no password is asked for`: how a check is named on the command line. */
export function checkName(check: Check): string {
  return `${check.role}: ${check.name}`;
}

/**
 * @param wanted a name of an infrastructure fault, `ROLE: NAME` of a check or a part of it, or `all`.
 * @throws ImagectlError USAGE for a name that is none, or not one of this level.
 */
export function findFault(wanted: string, level: Level, plans: readonly NodePlan[]): Fault {
  const known = Object.hasOwn(infrastructureFaults, wanted) ? infrastructureFaults[wanted] : undefined;
  if (known !== undefined) {
    if (known.levels.includes(level)) return { kind: wanted as "network-unplugged" | "server-killed" };
    throw new ImagectlError("USAGE", `the fault ${wanted} needs a machine of its own`, {
      hint: `imagectl test --level ${known.levels[0]} --fault ${wanted}`,
    });
  }
  if (wanted === "all") return { kind: "checks", isMeant: () => true };
  const isMeant = (check: Check): boolean => checkName(check).toLowerCase().includes(wanted.toLowerCase());
  if (plans.some(({ node }) => node.checks.some(isMeant))) return { kind: "checks", isMeant };
  throw new ImagectlError("USAGE", `no check of these nodes and no fault is called ${wanted}`, {
    hint: "List them: imagectl test --list-faults",
  });
}

/** Every fault that can be injected, one a line. */
export function listFaults(plans: readonly NodePlan[]): string {
  const around = Object.entries(infrastructureFaults).map(([name, { what, levels: has }]) => [
    name,
    `${what} (${has.join(", ")})`,
  ]);
  const checks = new Map(plans.flatMap(({ node }) => node.checks.map((check) => [checkName(check), check])));
  const own = [...checks].map(([name, check]) => [name, describeFault(check)]);
  return formatTable([...around, ["all", "the fault of every check, one after the other"], ...own]);
}

function describeFault({ fault }: Check): string {
  switch (fault.kind) {
    case "remove":
      return `removes ${fault.path}`;
    case "append":
      return `appends to ${fault.path}`;
    case "run":
      return `runs on the ${fault.at}: ${fault.run.trim().split("\n")[0]}`;
    default:
      return fault satisfies never;
  }
}

/** What came of one fault. */
export type FaultOutcome = {
  readonly fault: string;
  /** The node showed it, and was good again without it. */
  readonly isProved: boolean;
  readonly reason: string;
};

export type Rehearsal = {
  readonly node: string;
  readonly group: string;
  readonly os: string;
  readonly report: Report;
  readonly faults: readonly FaultOutcome[];
};

export function outcomeOf({ check, isProved, reason }: FaultProof): FaultOutcome {
  return { fault: checkName(check), isProved, reason };
}

export function isGood(rehearsals: readonly Rehearsal[]): boolean {
  return rehearsals.every(({ report, faults }) => report.isReady && faults.every(({ isProved }) => isProved));
}

/** A table for each node, then what each fault did, then one line a node: where the eye ends up. */
export function showRehearsals(level: Level, rehearsals: readonly Rehearsal[]): string {
  const parts = rehearsals.map(({ node, report, faults }) => {
    const lines = faults.map(
      ({ fault, isProved, reason }) => `${isProved ? "proved" : "NOT PROVED"}  ${fault}: ${reason}\n`,
    );
    return `== ${node}\n${reportTable(report)}${lines.join("")}\n`;
  });
  const needs = new Set(
    rehearsals.flatMap(({ report }) =>
      report.results.flatMap(({ outcome, check }) => (outcome === "not-applicable" ? check.needs : [])),
    ),
  );
  const more =
    needs.size === 0 || level === "vm"
      ? ""
      : `Some checks need a machine of their own (${[...needs].sort().join(", ")}): imagectl test --level vm\n`;
  const last = rehearsals.map(({ group, os, report }) => `${reportSummary(report)} (${group}, ${os})\n`);
  return `${parts.join("")}${last.join("")}${more}`;
}

export function rehearsalsJson(level: Level, rehearsals: readonly Rehearsal[]): string {
  const nodes = rehearsals.map(({ report, ...rest }) => ({
    ...rest,
    report: JSON.parse(reportJson(report)),
  }));
  return JSON.stringify({ level, isGood: isGood(rehearsals), nodes });
}

/** @throws ImagectlError IMAGE_DAMAGED when the image has no such artefact. */
export function artefactOf({ manifest }: Image, name: string): Artefact {
  const found = manifest.artefacts.find((artefact) => artefact.name === name);
  if (found !== undefined) return found;
  throw new ImagectlError("IMAGE_DAMAGED", `the image of ${manifest.os} has no ${name}`, {
    hint: `Build it again: imagectl build --os ${manifest.os}`,
  });
}
