/** A role's definition for one operating system: the more specific of `debian-12`, `debian` and the rest wins. */
import { splitOsId } from "../os-id.ts";
import type { RoleDefinition } from "./parse.ts";
import type { Role, RoleFile } from "./role.ts";
import { type OsVariant, toParamSchema } from "./schema.ts";
import type { SourceFile } from "./source-file.ts";

/**
 * Lists of `byOs` add to the role's own; an entry of the same unit, name or port replaces it in its place.
 * @param os such as `debian-12`.
 */
export function roleFor(definition: RoleDefinition, os: string): Role {
  const { yaml, name, source, places } = definition;
  const levels = ["", splitOsId(os).family, os];
  const variants = levels.slice(1).flatMap((level) => yaml.byOs[level] ?? []);
  const parts = [yaml, ...variants];
  const modes: OsVariant["fileModes"] = Object.assign({}, ...parts.map((part) => part.fileModes));
  return {
    name,
    source,
    places,
    summary: yaml.summary,
    systems: yaml.systems,
    needs: yaml.needs,
    secrets: yaml.secrets,
    params: Object.fromEntries(
      Object.entries(yaml.params).map(([param, schema]) => {
        const overrides = variants.flatMap((variant) => variant.params[param] ?? []);
        return [param, { ...toParamSchema(schema), default: (overrides.at(-1) ?? schema).default }];
      }),
    ),
    packages: union(parts.map((part) => part.packages)),
    components: union(parts.map((part) => part.components)),
    buildPackages: union(parts.map((part) => part.buildPackages)),
    archives: lastOfEach(
      parts.flatMap((part) => part.archives),
      (archive) => archive.name,
    ).map((archive) => ({ ...archive, key: definition.keys.get(archive.key) ?? "" })),
    services: lastOfEach(
      parts.flatMap((part) => part.services),
      (service) => service.unit,
    ),
    firewall: lastOfEach(
      parts.flatMap((part) => part.firewall),
      (rule) => `${rule.direction} ${rule.protocol} ${rule.port}`,
    ),
    commands: lastOfEach(
      parts.flatMap((part) => part.commands),
      (command) => command.name,
    ),
    validators: lastOfEach(
      parts.flatMap((part) => part.validators),
      (validator) => validator.name,
    ),
    scrapes: yaml.scrapes,
    alerts: definition.alerts,
    files: mergeFiles(definition.files, levels, modes),
    checks: definition.checks.map((check) => ({ ...check, role: name })),
  };
}

function mergeFiles(
  files: readonly SourceFile[],
  levels: readonly string[],
  modes: OsVariant["fileModes"],
): RoleFile[] {
  const chosen = levels.flatMap((level) => files.filter((file) => file.level === level));
  return lastOfEach(chosen, (file) => file.path).map(
    ({ path, content, isTemplate, isExecutable, source }) => {
      const given = modes[path];
      const mode =
        given?.mode === undefined ? (isExecutable ? 0o755 : 0o644) : Number.parseInt(given.mode, 8);
      return {
        path,
        mode,
        owner: given?.owner ?? "root",
        group: given?.group ?? "root",
        content,
        isTemplate,
        source,
      };
    },
  );
}

function union(lists: readonly (readonly string[])[]): string[] {
  return [...new Set(lists.flat())].sort();
}

/** Map keeps the place of the first and the value of the last. */
function lastOfEach<Entry>(entries: readonly Entry[], keyOf: (entry: Entry) => string): Entry[] {
  return [...new Map(entries.map((entry) => [keyOf(entry), entry])).values()];
}
