/** One role folder -> its definition, or every problem in it with its place. */
import type { z } from "zod";
import type { ErrorCode } from "../error-codes.ts";
import type { Finding } from "../errors.ts";
import { hintForName } from "../nearest.ts";
import { parseYamlFile, type YamlFile } from "../yaml-file.ts";
import { checkShape } from "../yaml-shape.ts";
import type { FolderFile, RoleFolder } from "./folder.ts";
import { complainAboutValue } from "./params.ts";
import { placesOfChecks, placesOfRole } from "./places.ts";
import {
  type CheckDefinition,
  ChecksYaml,
  OsLevel,
  RoleYaml,
  type RoleYaml as RoleYamlValue,
  toParamSchema,
} from "./schema.ts";

export type SourceFile = {
  /** "" for `files/`, else the system of `files@debian-12/`. */
  readonly level: string;
  /** Absolute path on the node. */
  readonly path: string;
  readonly content: string;
  readonly isTemplate: boolean;
  readonly isExecutable: boolean;
  readonly source: string;
};

export type RoleDefinition = {
  readonly name: string;
  readonly source: string;
  readonly places: Readonly<Record<string, string>>;
  readonly yaml: RoleYamlValue;
  readonly files: readonly SourceFile[];
  readonly checks: readonly CheckDefinition[];
};

export type ParsedRole = { readonly definition?: RoleDefinition; readonly findings: readonly Finding[] };

/** What may lie in a role's folder beside role.yaml, checks.yaml and the files; for tests and people. */
const companions = /^(cases\/.*|[^/]+\.test\.ts|README\.md)$/;

export function parseRole(folder: RoleFolder): ParsedRole {
  const byPath = new Map(folder.files.map((file) => [file.path, file]));
  const roleYaml = byPath.get("role.yaml");
  if (roleYaml === undefined) {
    const hint = `Write ${folder.source}/role.yaml, or move the folder away. See docs/roles.md`;
    return { findings: [finding(folder.source, "a role's folder has a role.yaml", hint)] };
  }
  const role = readYaml(folder, roleYaml, RoleYaml);
  const checksYaml = byPath.get("checks.yaml");
  const checks = checksYaml === undefined ? undefined : readYaml(folder, checksYaml, ChecksYaml);
  const files = folder.files.flatMap((file) => readNodeFile(folder, file));
  const findings = [
    ...role.findings,
    ...(checks?.findings ?? []),
    ...folder.files.flatMap((file) => judgeFile(folder, file)),
    ...(role.value === undefined ? [] : judgeRole(role.file, role.value, files)),
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
    },
    findings,
  };
}

function readYaml<Schema extends z.ZodType>(folder: RoleFolder, file: FolderFile, schema: Schema) {
  const yaml = parseYamlFile(file.text ?? "", `${folder.source}/${file.path}`);
  return { file: yaml, ...checkShape(yaml, schema) };
}

function finding(
  where: string,
  message: string,
  hint: string,
  code: ErrorCode = "ROLE_FOLDER_INVALID",
): Finding {
  return { code, where, message, hint, severity: "error" };
}

/** `files@debian-12/etc/hosts.hbs` -> level, path on the node. */
function nodePathOf(path: string): { readonly level: string; readonly path: string } | undefined {
  const match = /^files(?:@([^/]+))?\/(.+)$/.exec(path);
  return match === null ? undefined : { level: match[1] ?? "", path: `/${match[2]?.replace(/\.hbs$/, "")}` };
}

function readNodeFile(folder: RoleFolder, file: FolderFile): SourceFile[] {
  const target = nodePathOf(file.path);
  if (target === undefined || file.text === undefined) return [];
  return [
    {
      ...target,
      content: file.text,
      isTemplate: file.path.endsWith(".hbs"),
      isExecutable: file.isExecutable,
      source: `${folder.source}/${file.path}`,
    },
  ];
}

function judgeFile(folder: RoleFolder, file: FolderFile): Finding[] {
  const where = `${folder.source}/${file.path}`;
  if (companions.test(file.path)) return [];
  if (file.kind !== "file") {
    return [
      finding(
        where,
        `a role has plain files only; this is a ${file.kind}`,
        "Make links with a command of role.yaml.",
      ),
    ];
  }
  if (file.text === undefined) {
    return [
      finding(
        where,
        "a role's files are texts in UTF-8",
        "Install binaries as packages; convert texts: iconv -t UTF-8",
      ),
    ];
  }
  const target = nodePathOf(file.path);
  if (target === undefined) {
    if (file.path === "role.yaml" || file.path === "checks.yaml") return [];
    const top = file.path.split("/")[0] ?? "";
    return [
      finding(
        where,
        `nothing reads ${file.path}`,
        hintForName(top, ["role.yaml", "checks.yaml", "files", "cases"]),
      ),
    ];
  }
  if (target.level !== "" && !OsLevel.test(target.level)) {
    return [
      finding(
        where,
        `files@${target.level} names no system`,
        "Name a family or a release: files@debian, files@debian-12",
      ),
    ];
  }
  if (!/^(\/[A-Za-z0-9_.:=@%+,~-]+)+$/.test(target.path)) {
    return [
      finding(
        where,
        "the path has characters that a list of paths cannot carry",
        "Use letters, digits and _ . : = @ % + , ~ -",
      ),
    ];
  }
  return [];
}

function judgeRole(file: YamlFile, role: RoleYamlValue, files: readonly SourceFile[]): Finding[] {
  const levels = [["", role] as const, ...Object.entries(role.byOs)];
  const paths = new Set(files.map((source) => source.path));
  return levels.flatMap(([level, part]) => {
    const base = level === "" ? [] : ["byOs", level];
    const modes = Object.keys(part.fileModes).filter((path) => !paths.has(path));
    return [
      ...(level === "" || OsLevel.test(level)
        ? []
        : [
            finding(
              file.whereKey(base),
              `byOs.${level} names no system`,
              "Name a family or a release: debian, debian-12",
            ),
          ]),
      ...modes.map((path) =>
        finding(
          file.whereKey([...base, "fileModes", path]),
          `fileModes names ${path}, which is no file of this role`,
          hintForName(path, [...paths]),
        ),
      ),
      ...twice(file, [...base, "services"], part.services, (service) => service.unit),
      ...twice(file, [...base, "commands"], part.commands, (command) => command.name),
      ...twice(file, [...base, "validators"], part.validators, (validator) => validator.name),
      ...(level === "" ? [] : judgeDefaults(file, role, level)),
    ];
  });
}

function judgeDefaults(file: YamlFile, role: RoleYamlValue, level: string): Finding[] {
  return Object.entries(role.byOs[level]?.params ?? {}).flatMap(([name, override]) => {
    const where = file.where(["byOs", level, "params", name, "default"]);
    const param = role.params[name];
    if (param === undefined) {
      return [
        finding(
          where,
          `byOs.${level} sets ${name}, which is no parameter`,
          hintForName(name, Object.keys(role.params)),
        ),
      ];
    }
    const complaint = complainAboutValue(toParamSchema(param), override.default);
    return complaint === undefined
      ? []
      : [finding(where, `the default of ${name} ${complaint}`, param.description, "VALUE_INVALID")];
  });
}

function judgeChecks(file: YamlFile, checks: readonly CheckDefinition[]): Finding[] {
  return twice(file, [], checks, (check) => check.name);
}

function twice<Entry>(
  file: YamlFile,
  path: readonly string[],
  list: readonly Entry[],
  nameOf: (entry: Entry) => string,
): Finding[] {
  const names = list.map(nameOf);
  return names.flatMap((name, index) =>
    names.indexOf(name) === index
      ? []
      : [
          finding(
            file.where([...path, index]),
            `${JSON.stringify(name)} is there twice`,
            "Merge the two, or rename one.",
            "DUPLICATE",
          ),
        ],
  );
}
