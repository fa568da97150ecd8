/** One role folder -> its definition, or every problem in it with its place. */
import type { z } from "zod";
import type { Finding } from "../errors.ts";
import { parseYamlFile } from "../yaml-file.ts";
import { checkShape } from "../yaml-shape.ts";
import { parseAlerts } from "./alerts.ts";
import { type CheckDefinition, ChecksYaml } from "./checks-schema.ts";
import { roleFinding } from "./finding.ts";
import type { FolderFile, RoleFolder } from "./folder.ts";
import { judgeChecks, judgeRole } from "./judge.ts";
import { judgeArchives, readKeys } from "./keys.ts";
import { placesOfChecks, placesOfRole } from "./places.ts";
import type { AlertGroup } from "./role.ts";
import { RoleYaml } from "./schema.ts";
import { judgeFile, readNodeFile, type SourceFile } from "./source-file.ts";

export type RoleDefinition = {
  readonly name: string;
  readonly source: string;
  readonly places: Readonly<Record<string, string>>;
  readonly yaml: RoleYaml;
  readonly files: readonly SourceFile[];
  readonly checks: readonly CheckDefinition[];
  readonly alerts: readonly AlertGroup[];
  /** Of archives: a key's text by its path in the folder. */
  readonly keys: ReadonlyMap<string, string>;
};

export type ParsedRole = { readonly definition?: RoleDefinition; readonly findings: readonly Finding[] };

export function parseRole(folder: RoleFolder): ParsedRole {
  const byPath = new Map(folder.files.map((file) => [file.path, file]));
  const roleYaml = byPath.get("role.yaml");
  if (roleYaml === undefined) {
    const hint = `Write ${folder.source}/role.yaml, or move the folder away. See docs/roles.md`;
    return { findings: [roleFinding(folder.source, "a role's folder has a role.yaml", hint)] };
  }
  const role = readYaml(folder, roleYaml, RoleYaml);
  const checksYaml = byPath.get("checks.yaml");
  const checks = checksYaml === undefined ? undefined : readYaml(folder, checksYaml, ChecksYaml);
  const alerts = parseAlerts(folder);
  const files = folder.files.flatMap((file) => readNodeFile(folder, file));
  const findings = [
    ...role.findings,
    ...(checks?.findings ?? []),
    ...alerts.findings,
    ...folder.files.flatMap((file) => judgeFile(folder, file)),
    ...(role.value === undefined ? [] : judgeRole(role.file, role.value, files)),
    ...(role.value === undefined
      ? []
      : judgeArchives(role.file, [["", role.value], ...Object.entries(role.value.byOs)], folder)),
    ...(checks?.value === undefined ? [] : judgeChecks(checks.file, checks.value)),
  ];
  if (role.value === undefined || findings.some((found) => found.severity === "error")) return { findings };
  return {
    definition: {
      name: folder.name,
      source: folder.source,
      places: {
        ...placesOfRole(role.file, role.value),
        ...(checks?.value === undefined ? {} : placesOfChecks(checks.file, checks.value)),
      },
      yaml: role.value,
      files,
      checks: checks?.value ?? [],
      alerts: alerts.groups,
      keys: readKeys(folder),
    },
    findings,
  };
}

function readYaml<Schema extends z.ZodType>(folder: RoleFolder, file: FolderFile, schema: Schema) {
  const yaml = parseYamlFile(file.text ?? "", `${folder.source}/${file.path}`);
  return { file: yaml, ...checkShape(yaml, schema) };
}
