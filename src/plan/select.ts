/** Which roles a group has, with their parameters, in the order in which they are applied. */
import type { Group } from "../cluster/config.ts";
import type { ErrorCode } from "../error-codes.ts";
import type { Finding } from "../errors.ts";
import { hintForName } from "../nearest.ts";
import { complainAboutValue } from "../roles/params.ts";
import type { Role, RoleCatalogue } from "../roles/role.ts";

export type SelectedRole = { readonly role: Role; readonly params: Readonly<Record<string, unknown>> };

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
  group: Group,
  catalogue: RoleCatalogue,
  operatingSystems: readonly string[],
  where: Where,
): Selection {
  const base = `groups.${group.name}`;
  const report = (path: string, code: ErrorCode, message: string, hint: string): Finding => ({
    code,
    where: where(`${base}.${path}`),
    message,
    hint,
    severity: "error",
  });
  const unknownOs = operatingSystems.includes(group.os)
    ? []
    : [
        report(
          "os",
          "OS_UNKNOWN",
          `there is no recipe for ${group.os}`,
          hintForName(group.os, operatingSystems),
        ),
      ];
  const unknownRoles = group.roles.flatMap((name, index) =>
    catalogue.names.includes(name)
      ? []
      : [
          report(
            `roles.${index}`,
            "ROLE_UNKNOWN",
            `there is no role ${name}`,
            hintForName(name, catalogue.names),
          ),
        ],
  );
  const roles = group.roles.flatMap((name) => catalogue.role(name, group.os) ?? []);
  const missing = roles.flatMap((role) =>
    role.needs
      .filter((need) => !group.roles.includes(need))
      .map((need) =>
        report(
          `roles.${group.roles.indexOf(role.name)}`,
          "ROLE_NEED_MISSING",
          `the role ${role.name} needs the role ${need}, which the group ${group.name} does not list`,
          `Add ${need} to ${base}.roles`,
        ),
      ),
  );
  const params = roles.flatMap((role) =>
    judgeParams(role, group).map(({ name, message, hint }) =>
      report(`params.${role.name}.${name}`, "PARAM_INVALID", message, hint),
    ),
  );
  const { ordered, cycle } = orderByNeeds(roles);
  const cycles =
    cycle === undefined
      ? []
      : [
          report(
            "roles",
            "ROLE_CYCLE",
            `roles need each other: ${cycle.join(" -> ")}`,
            "Break the circle in needs: of one role.yaml",
          ),
        ];
  return {
    roles: ordered.map((role) => ({ role, params: effectiveParams(role, group) })),
    findings: [...unknownOs, ...unknownRoles, ...missing, ...params, ...cycles],
  };
}

function judgeParams(role: Role, group: Group): { name: string; message: string; hint: string }[] {
  return Object.entries(group.params[role.name] ?? {}).flatMap(([name, value]) => {
    const schema = Object.hasOwn(role.params, name) ? role.params[name] : undefined;
    if (schema === undefined) {
      const message = `the role ${role.name} has no parameter ${name}`;
      return [{ name, message, hint: hintForName(name, Object.keys(role.params)) }];
    }
    const complaint = complainAboutValue(schema, value);
    if (complaint === undefined) return [];
    const hint = `${name}: ${schema.description} (default: ${JSON.stringify(schema.default)})`;
    return [{ name, message: `${role.name}.${name} ${complaint}`, hint }];
  });
}

function effectiveParams(role: Role, group: Group): Record<string, unknown> {
  const given = group.params[role.name] ?? {};
  return Object.fromEntries(
    Object.entries(role.params).map(([name, schema]) => [
      name,
      Object.hasOwn(given, name) ? given[name] : schema.default,
    ]),
  );
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
