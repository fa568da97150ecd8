/** What a finished cluster must be, and what shows each of it. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { packageRoot } from "../../src/paths.ts";
import type { Role, RoleCatalogue } from "../../src/roles/role.ts";
import { labSystems } from "./lab-cluster.ts";

const oneOrMore = z
  .union([z.string(), z.array(z.string()).min(1)])
  .transform((names) => (typeof names === "string" ? [names] : names));

const Requirement = z.strictObject({
  requirement: z.string(),
  /** Role to names of its checks. */
  checks: z.record(z.string(), oneOrMore).default({}),
  /** Test file, from the package's root, to names of its tests. */
  tests: z.record(z.string(), oneOrMore).default({}),
  /** Role to names of its alerts, each of which a test of promtool makes fire. */
  alerts: z.record(z.string(), oneOrMore).default({}),
  /** What is not there yet. */
  open: z.string().optional(),
  /** The command that shows on real machines what an emulator cannot. */
  hardware: z.string().optional(),
});
export type Requirement = z.output<typeof Requirement>;

/** One thing that shows it. */
type Proof = { readonly role?: string; readonly name: string; readonly level: string };

export function readRequirements(file: string): readonly Requirement[] {
  return z.array(Requirement).parse(parse(readFileSync(file, "utf8")));
}

/** @returns names that are in no role and no test file. */
export function missingProofs(requirements: readonly Requirement[], roles: RoleCatalogue): string[] {
  return requirements
    .flatMap(({ checks, tests, alerts }) => [
      ...listed(checks).filter(([role, name]) => checkOf(roles, role, name) === undefined),
      ...listed(alerts).filter(([role, name]) => !alertsOf(roles, role).includes(name)),
      ...listed(tests).filter(([file, name]) => !isTestOf(file, name)),
    ])
    .map(([place, name]) => `${place}: ${name}`);
}

/** The page: a row for each requirement, with the level of ARCHITECTURE.md at which it is shown. */
export function requirementsPage(requirements: readonly Requirement[], roles: RoleCatalogue): string {
  const rows = requirements.map((each, index) => {
    const proofs = proofsOf(each, roles);
    const lines = [
      ...proofs.map(({ name }) => name),
      ...(each.hardware === undefined ? [] : [`on hardware: \`${each.hardware}\``]),
      ...(each.open === undefined ? [] : [`**open: ${each.open}**`]),
    ];
    const of = (values: readonly string[]): string => [...new Set(values)].join(", ");
    const levels = of(proofs.map(({ level }) => level).sort());
    const cells = [
      index + 1,
      each.requirement,
      of(proofs.flatMap(({ role }) => role ?? [])),
      lines.join("<br>"),
      levels,
    ];
    return `| ${cells.map((cell) => String(cell).replaceAll("|", "\\|")).join(" | ")} |`;
  });
  const open = requirements.filter((each) => each.open !== undefined).length;
  return [
    "# Requirements",
    "",
    "Generated from `vm-tests/requirements.yaml` by `npm run docs`. Each check and test named here is there, and each",
    "check is turned red by its fault in a test. Levels are those of [ARCHITECTURE.md](../ARCHITECTURE.md#tests).",
    "",
    `Of ${requirements.length} requirements, ${open} ${open === 1 ? "is" : "are"} open in whole or in part.`,
    "",
    "| n | requirement | role | check or test | level |",
    "|---|---|---|---|---|",
    ...rows,
    "",
  ].join("\n");
}

function proofsOf({ checks, tests, alerts }: Requirement, roles: RoleCatalogue): Proof[] {
  return [
    ...listed(checks).map(([role, name]) => {
      const needs = checkOf(roles, role, name)?.needs ?? [];
      return { role, name, level: needs.length === 0 ? "3" : "4" };
    }),
    ...listed(alerts).map(([role, name]) => ({ role, name: `alert ${name}`, level: "2" })),
    ...listed(tests).map(([file, name]) => ({ name: `${name} (\`${file}\`)`, level: levelOf(file) })),
  ];
}

const listed = (map: Readonly<Record<string, readonly string[]>>): [string, string][] =>
  Object.entries(map).flatMap(([place, names]) => names.map((name): [string, string] => [place, name]));

function rolesNamed(catalogue: RoleCatalogue, name: string): Role[] {
  return labSystems.flatMap((os) => catalogue.role(name, os) ?? []);
}

const checkOf = (roles: RoleCatalogue, role: string, name: string): Role["checks"][number] | undefined =>
  rolesNamed(roles, role)
    .flatMap(({ checks }) => checks)
    .find((check) => check.name === name);

const alertsOf = (roles: RoleCatalogue, role: string): string[] =>
  rolesNamed(roles, role).flatMap(({ alerts }) =>
    alerts.flatMap(({ text }) => text.match(/(?<=\balert: )\w+/g) ?? []),
  );

function isTestOf(file: string, name: string): boolean {
  const path = join(packageRoot, file);
  return existsSync(path) && readFileSync(path, "utf8").includes(`"${name}"`);
}

function levelOf(file: string): string {
  const levels = {
    "vm-tests/peers/": "2",
    "vm-tests/booted/": "3",
    "vm-tests/vm/": "4",
    "vm-tests/cluster/": "4",
    // Suites that files of vm-tests/booted run for several systems.
    "vm-tests/support/": "3",
  };
  return Object.entries(levels).find(([folder]) => file.startsWith(folder))?.[1] ?? "1";
}
