/** What the shape of a role's two files cannot know: names that must differ, and names that must be there. */
import type { Finding } from "../errors.ts";
import { hintForName } from "../nearest.ts";
import type { YamlFile } from "../yaml-file.ts";
import type { CheckDefinition } from "./checks-schema.ts";
import { roleFinding } from "./finding.ts";
import { complainAboutValue } from "./params.ts";
import { OsLevel, type RoleYaml, toParamSchema } from "./schema.ts";
import type { SourceFile } from "./source-file.ts";

export function judgeRole(file: YamlFile, role: RoleYaml, files: readonly SourceFile[]): Finding[] {
  const levels = [["", role] as const, ...Object.entries(role.byOs)];
  const paths = new Set(files.map((source) => source.path));
  const named = [
    ...twice(file, ["secrets"], role.secrets, (secret) => secret.name),
    ...twice(file, ["scrapes"], role.scrapes, (scrape) => scrape.job),
  ];
  const closed = judgeScrapes(file, role);
  const parts = levels.flatMap(([level, part]) => {
    const base = level === "" ? [] : ["byOs", level];
    const modes = Object.keys(part.fileModes).filter((path) => !paths.has(path));
    return [
      ...(level === "" || OsLevel.test(level)
        ? []
        : [
            roleFinding(
              file.whereKey(base),
              `byOs.${level} names no system`,
              "Name a family or a release: debian, debian-12",
            ),
          ]),
      ...modes.map((path) =>
        roleFinding(
          file.whereKey([...base, "fileModes", path]),
          `fileModes names ${path}, which is no file of this role`,
          hintForName(path, [...paths]),
        ),
      ),
      ...twice(file, [...base, "archives"], part.archives, (archive) => archive.name),
      ...twice(file, [...base, "services"], part.services, (service) => service.unit),
      ...twice(file, [...base, "commands"], part.commands, (command) => command.name),
      ...twice(file, [...base, "validators"], part.validators, (validator) => validator.name),
      ...(level === "" ? [] : judgeDefaults(file, role, level)),
    ];
  });
  return [...named, ...closed, ...parts];
}

/** Prometheus runs on the bastion: what it asks must be let in from there. */
function judgeScrapes(file: YamlFile, role: RoleYaml): Finding[] {
  const rules = [role, ...Object.values(role.byOs)].flatMap((part) => part.firewall);
  const open = new Set(
    rules.filter((rule) => rule.direction === "in" && rule.protocol === "tcp").map((rule) => rule.port),
  );
  return role.scrapes.flatMap(({ job, port }, index) =>
    open.has(port)
      ? []
      : [
          roleFinding(
            file.where(["scrapes", index]),
            `nothing lets Prometheus in to port ${port} of the scrape ${job}`,
            `Add under firewall: {direction: in, protocol: tcp, port: ${port}, peer: bastion, comment: metrics}`,
          ),
        ],
  );
}

function judgeDefaults(file: YamlFile, role: RoleYaml, level: string): Finding[] {
  return Object.entries(role.byOs[level]?.params ?? {}).flatMap(([name, override]) => {
    const where = file.where(["byOs", level, "params", name, "default"]);
    const param = role.params[name];
    if (param === undefined) {
      return [
        roleFinding(
          where,
          `byOs.${level} sets ${name}, which is no parameter`,
          hintForName(name, Object.keys(role.params)),
        ),
      ];
    }
    const complaint =
      param.type === "file"
        ? "is not for a role to say: it is a file"
        : complainAboutValue(toParamSchema(param), override.default);
    return complaint === undefined
      ? []
      : [roleFinding(where, `the default of ${name} ${complaint}`, param.description, "VALUE_INVALID")];
  });
}

export function judgeChecks(file: YamlFile, checks: readonly CheckDefinition[]): Finding[] {
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
          roleFinding(
            file.where([...path, index]),
            `${JSON.stringify(name)} is there twice`,
            "Merge the two, or rename one.",
            "DUPLICATE",
          ),
        ],
  );
}
