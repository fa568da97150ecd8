/** The files of a role's folder: those that go to nodes, and what must not lie there. */
import type { Finding } from "../errors.ts";
import { hintForName } from "../nearest.ts";
import { alertsFile, alertTestsFile } from "./alerts.ts";
import { roleFinding } from "./finding.ts";
import type { FolderFile, RoleFolder } from "./folder.ts";
import { judgeKey } from "./keys.ts";
import { OsLevel } from "./schema.ts";
import { keyFile } from "./words.ts";

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

/** What a role is read from, beside its files. */
const definitions = ["role.yaml", "checks.yaml", alertsFile, alertTestsFile];

/** What may lie in a role's folder beside role.yaml, checks.yaml and the files; for tests and people. */
const companions = /^(cases\/.*|[^/]+\.test\.ts|README\.md)$/;

/** `files@debian-12/etc/hosts.hbs` -> level, path on the node. */
function nodePathOf(path: string): { readonly level: string; readonly path: string } | undefined {
  const match = /^files(?:@([^/]+))?\/(.+)$/.exec(path);
  return match === null ? undefined : { level: match[1] ?? "", path: `/${match[2]?.replace(/\.hbs$/, "")}` };
}

/** @returns the file as it goes to nodes; nothing for role.yaml, tests and the like. */
export function readNodeFile(folder: RoleFolder, file: FolderFile): SourceFile[] {
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

/** @returns what is wrong with a file of the folder, whatever it is. */
export function judgeFile(folder: RoleFolder, file: FolderFile): Finding[] {
  const where = `${folder.source}/${file.path}`;
  if (companions.test(file.path)) return [];
  if (file.kind !== "file") {
    return [
      roleFinding(
        where,
        `a role has plain files only; this is a ${file.kind}`,
        "Make links with a command of role.yaml.",
      ),
    ];
  }
  if (file.text === undefined) {
    return [
      roleFinding(
        where,
        "a role's files are texts in UTF-8",
        "Install binaries as packages; convert texts: iconv -t UTF-8",
      ),
    ];
  }
  if (keyFile.test(file.path)) return judgeKey(where, file.text);
  const target = nodePathOf(file.path);
  if (target === undefined) {
    if (definitions.includes(file.path)) return [];
    const top = file.path.split("/")[0] ?? "";
    return [
      roleFinding(
        where,
        `nothing reads ${file.path}`,
        hintForName(top, [...definitions, "files", "cases", "keys"]),
      ),
    ];
  }
  if (target.level !== "" && !OsLevel.test(target.level)) {
    return [
      roleFinding(
        where,
        `files@${target.level} names no system`,
        "Name a family or a release: files@debian, files@debian-12",
      ),
    ];
  }
  if (!/^(\/[A-Za-z0-9_.:=@%+,~-]+)+$/.test(target.path)) {
    return [
      roleFinding(
        where,
        "the path has characters that a list of paths cannot carry",
        "Use letters, digits and _ . : = @ % + , ~ -",
      ),
    ];
  }
  return [];
}
