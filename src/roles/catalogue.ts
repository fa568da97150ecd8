/** Role folders -> RoleCatalogue: every role once, the operator's instead of ours where the names meet. */
import type { Finding } from "../errors.ts";
import type { RoleFolder } from "./folder.ts";
import { roleFor } from "./merge.ts";
import { parseRole } from "./parse.ts";
import type { RoleCatalogue } from "./role.ts";

/** @param roots lists of folders; the later list wins. */
export function makeCatalogue(roots: readonly (readonly RoleFolder[])[]): RoleCatalogue {
  const folders = new Map<string, RoleFolder>();
  const replaced: Finding[] = [];
  for (const folder of roots.flat()) {
    const earlier = folders.get(folder.name);
    if (earlier !== undefined) replaced.push(replacement(folder, earlier));
    folders.set(folder.name, folder);
  }
  const parsed = new Map([...folders].map(([name, folder]) => [name, parseRole(folder)]));
  return {
    names: [...folders.keys()].sort(),
    findings: [...replaced, ...[...parsed.values()].flatMap((role) => role.findings)],
    role: (name, os) => {
      const definition = parsed.get(name)?.definition;
      return definition === undefined ? undefined : roleFor(definition, os);
    },
  };
}

function replacement(folder: RoleFolder, earlier: RoleFolder): Finding {
  return {
    code: "ROLE_REPLACED",
    where: `${folder.source}/role.yaml:1:1`,
    message: `this role replaces ${earlier.source} whole: files, commands, firewall rules and checks`,
    hint: `Rename the folder where that is not meant: mv ${folder.source} ${folder.source}-2`,
    severity: "warning",
  };
}
