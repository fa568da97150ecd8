/** One path, one package, one port: each has one owner role. */
import type { Finding } from "../errors.ts";
import { placeKey } from "../roles/places.ts";
import type { Role } from "../roles/role.ts";
import type { SelectedRole } from "./select.ts";

type Claim = { readonly what: string; readonly role: string; readonly where: string };

/** @returns a finding for everything that two roles own, and for a file that would lie below another file. */
export function findConflicts(roles: readonly SelectedRole[]): Finding[] {
  return [...findDoubleOwners(roles.flatMap(({ role }) => claimsOf(role))), ...findNestedFiles(roles)];
}

function claimsOf(role: Role): Claim[] {
  const inYaml = (what: string, key: string): Claim => ({ what, role: role.name, where: placeIn(role, key) });
  return [
    ...role.files.map((file) => ({
      what: `the path ${file.path}`,
      role: role.name,
      where: `${file.source}:1:1`,
    })),
    ...role.packages.map((name) => inYaml(`the package ${name}`, placeKey.package(name))),
    ...role.archives.map(({ name }) => inYaml(`the archive ${name}`, placeKey.archive(name))),
    ...role.secrets.map(({ name }) => inYaml(`the secret ${name}`, placeKey.secret(name))),
    ...role.scrapes.map(({ job }) => inYaml(`the scrape ${job}`, placeKey.scrape(job))),
    ...role.services.map(({ unit }) => inYaml(`the unit ${unit}`, placeKey.service(unit))),
    ...role.firewall.map((rule) =>
      inYaml(`the port ${rule.port}/${rule.protocol} (${rule.direction})`, placeKey.firewall(rule)),
    ),
  ];
}

/** @returns where the role says it: `file:line:column`. */
export function placeIn(role: Role, key: string): string {
  return role.places[key] ?? `${role.source}/role.yaml:1:1`;
}

function findDoubleOwners(claims: readonly Claim[]): Finding[] {
  const owners = new Map<string, Claim>();
  return claims.flatMap((claim) => {
    const first = owners.get(claim.what);
    if (first === undefined) owners.set(claim.what, claim);
    return first === undefined
      ? []
      : [
          conflict(
            claim.where,
            `${claim.what} of the role ${claim.role} already has an owner: ${first.role} (${first.where})`,
          ),
        ];
  });
}

function findNestedFiles(roles: readonly SelectedRole[]): Finding[] {
  const files = new Map(
    roles.flatMap(({ role }) => role.files.map((file) => [file.path, file.source] as const)),
  );
  return [...files].flatMap(([path, source]) =>
    parentsOf(path)
      .filter((parent) => files.has(parent))
      .map((parent) =>
        conflict(
          `${source}:1:1`,
          `${path} would lie below ${parent}, which is a file (${files.get(parent)})`,
        ),
      ),
  );
}

function conflict(where: string, message: string): Finding {
  const hint = "Leave it to one role, and let the other one list that role under needs:";
  return { code: "PLAN_CONFLICT", where, message, hint, severity: "error" };
}

function parentsOf(path: string): string[] {
  const parts = path.split("/").slice(1, -1);
  return parts.map((_, index) => `/${parts.slice(0, index + 1).join("/")}`);
}
