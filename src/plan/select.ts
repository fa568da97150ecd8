/** Which roles a group has, with their parameters, in the order in which they are applied. */
import type { RoleChoice } from "../cluster/config.ts";
import type { ErrorCode } from "../error-codes.ts";
import type { Finding } from "../errors.ts";
import { hintForName } from "../nearest.ts";
import { splitOsId } from "../os-id.ts";
import { complainAboutValue, isBuildFile } from "../roles/params.ts";
import type { BuildFile, Role, RoleCatalogue } from "../roles/role.ts";
import { buildFilePlace } from "./plan.ts";

export type SelectedRole = {
  readonly role: Role;
  /** As templates see them: a file is the place where a build's commands find it. */
  readonly params: Readonly<Record<string, unknown>>;
  /** The values of its parameters that are files. */
  readonly buildFiles: readonly BuildFile[];
};

export type Selection = {
  /** What a role needs comes before it; else by name. */
  readonly roles: readonly SelectedRole[];
  readonly findings: readonly Finding[];
};

/** Names a place in the cluster file: `groups.gpu.os`. */
export type Where = (path: string) => string;

/**
 * @param operatingSystems those for which there is a recipe.
 * @returns every problem of the group at once; roles that could not be read are left out, since the catalogue
 *   has their findings.
 */
export function selectRoles(
  group: RoleChoice,
  catalogue: RoleCatalogue,
  operatingSystems: readonly string[],
  where: Where,
): Selection {
  const report: Report = (path, code, message, hint) => ({
    code,
    where: where(`groups.${group.name}.${path}`),
    message,
    hint,
    severity: "error",
  });
  const roles = group.roles.flatMap((name) => catalogue.role(name, group.os) ?? []);
  const { ordered, cycle } = orderByNeeds(roles);
  return {
    roles: ordered.map((role) => withParams(role, group)),
    findings: [
      ...judgeOs(group, operatingSystems, report),
      ...judgeNames(group, catalogue, report),
      ...roles.flatMap((role) => judgeSystems(role, group, operatingSystems, report)),
      ...roles.flatMap((role) => judgeNeeds(role, group, report)),
      ...roles.flatMap((role) => judgeFiles(role, group, report)),
      ...roles.flatMap((role) => judgeParams(role, group, report)),
      ...(cycle === undefined ? [] : [reportCycle(cycle, report)]),
    ],
  };
}

type Report = (path: string, code: ErrorCode, message: string, hint: string) => Finding;

function judgeOs({ os }: RoleChoice, known: readonly string[], report: Report): Finding[] {
  if (known.includes(os)) return [];
  return [report("os", "OS_UNKNOWN", `there is no recipe for ${os}`, hintForName(os, known))];
}

function judgeNames(group: RoleChoice, { names }: RoleCatalogue, report: Report): Finding[] {
  return group.roles.flatMap((name, index) =>
    names.includes(name)
      ? []
      : [report(`roles.${index}`, "ROLE_UNKNOWN", `there is no role ${name}`, hintForName(name, names))],
  );
}

function judgeSystems(
  { name, systems }: Role,
  group: RoleChoice,
  known: readonly string[],
  report: Report,
): Finding[] {
  const suits = (os: string): boolean => systems.includes(os) || systems.includes(splitOsId(os).family);
  if (systems.length === 0 || suits(group.os)) return [];
  const place = `roles.${group.roles.indexOf(name)}`;
  const message = `the role ${name} is for ${systems.join(", ")}, and the group ${group.name} has ${group.os}`;
  const other = known.find(suits);
  const without = `${name} out of groups.${group.name}.roles`;
  const hint =
    other === undefined ? `Take ${without}` : `imagectl set-os ${group.name} ${other}, or take ${without}`;
  return [report(place, "ROLE_UNSUITABLE", message, hint)];
}

function judgeNeeds(role: Role, group: RoleChoice, report: Report): Finding[] {
  const place = `roles.${group.roles.indexOf(role.name)}`;
  return role.needs
    .filter((need) => !group.roles.includes(need))
    .map((need) => {
      const message = `the role ${role.name} needs the role ${need}, which the group ${group.name} does not list`;
      return report(place, "ROLE_NEED_MISSING", message, `Add ${need} to groups.${group.name}.roles`);
    });
}

function reportCycle(cycle: readonly string[], report: Report): Finding {
  const message = `roles need each other: ${cycle.join(" -> ")}`;
  return report("roles", "ROLE_CYCLE", message, "Break the circle in needs: of one role.yaml");
}

function judgeFiles(role: Role, group: RoleChoice, report: Report): Finding[] {
  const given = group.params[role.name] ?? {};
  return Object.entries(role.params)
    .filter(([name, { type }]) => type === "file" && !Object.hasOwn(given, name))
    .map(([name, { description }]) => {
      const message = `the role ${role.name} needs a file: ${name}, ${description}`;
      const value = `{${role.name}: {${name}: {path: FILE, sha256: DIGEST}}}`;
      const hint = `Write under groups.${group.name}.params: ${value}; the digest: sha256sum FILE`;
      return report(`roles.${group.roles.indexOf(role.name)}`, "PARAM_INVALID", message, hint);
    });
}

function judgeParams(role: Role, group: RoleChoice, report: Report): Finding[] {
  return Object.entries(group.params[role.name] ?? {}).flatMap(([name, value]) => {
    const place = `params.${role.name}.${name}`;
    const schema = Object.hasOwn(role.params, name) ? role.params[name] : undefined;
    if (schema === undefined) {
      const message = `the role ${role.name} has no parameter ${name}`;
      return [report(place, "PARAM_INVALID", message, hintForName(name, Object.keys(role.params)))];
    }
    const complaint = complainAboutValue(schema, value);
    if (complaint === undefined) return [];
    const fallback = schema.type === "file" ? "" : ` (default: ${JSON.stringify(schema.default)})`;
    const hint = `${name}: ${schema.description}${fallback}`;
    return [report(place, "PARAM_INVALID", `${role.name}.${name} ${complaint}`, hint)];
  });
}

function withParams(role: Role, group: RoleChoice): SelectedRole {
  const given = group.params[role.name] ?? {};
  const buildFiles: BuildFile[] = [];
  const params = Object.entries(role.params).map(([name, { type, default: fallback }]) => {
    const value = Object.hasOwn(given, name) ? given[name] : fallback;
    if (type !== "file") return [name, value];
    // What is wrong with it is a finding.
    if (!isBuildFile(value)) return [name, ""];
    buildFiles.push(value);
    return [name, buildFilePlace(value)];
  });
  return { role, params: Object.fromEntries(params), buildFiles };
}

/** Kahn's algorithm, always taking the first name that is free, so that the list's order decides nothing. */
function orderByNeeds(roles: readonly Role[]): { ordered: Role[]; cycle?: string[] } {
  const waiting = new Map(roles.map((role) => [role.name, role]));
  const ordered: Role[] = [];
  while (waiting.size > 0) {
    const free = [...waiting.values()]
      .filter((role) => role.needs.every((need) => !waiting.has(need)))
      .sort((left, right) => (left.name < right.name ? -1 : 1))[0];
    if (free === undefined) return { ordered, cycle: findCycle(waiting) };
    waiting.delete(free.name);
    ordered.push(free);
  }
  return { ordered };
}

/** Every waiting role needs a waiting one, so following needs must come round. */
function findCycle(waiting: ReadonlyMap<string, Role>): string[] {
  const trail: string[] = [];
  let name = [...waiting.keys()].sort()[0];
  while (name !== undefined && !trail.includes(name)) {
    trail.push(name);
    name = waiting.get(name)?.needs.find((need) => waiting.has(need));
  }
  const circle = trail.slice(trail.indexOf(name ?? ""));
  return [...circle, circle[0] ?? ""];
}
