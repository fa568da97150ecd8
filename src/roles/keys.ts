/** Public keys of archives: files of a role that the build alone reads. */
import type { Finding } from "../errors.ts";
import { hintForName } from "../nearest.ts";
import type { YamlFile } from "../yaml-file.ts";
import { roleFinding } from "./finding.ts";
import type { RoleFolder } from "./folder.ts";
import type { OsVariant } from "./schema.ts";
import { keyFile } from "./words.ts";

/** @returns each key's text by its path in the folder. */
export function readKeys(folder: RoleFolder): ReadonlyMap<string, string> {
  const files = folder.files.filter(({ path }) => keyFile.test(path));
  return new Map(files.flatMap(({ path, text }) => (text === undefined ? [] : [[path, text] as const])));
}

/** @returns what is wrong with a file below keys/. The text is never shown: it may be the private key. */
export function judgeKey(where: string, text: string): Finding[] {
  if (text.includes("PRIVATE KEY")) {
    const hint =
      "Take it out, also of the history, and make another: whoever has read it can sign the archive";
    return [roleFinding(where, "this is a private key, and only public keys belong here", hint)];
  }
  if (text.trimStart().startsWith("-----BEGIN PGP PUBLIC KEY BLOCK-----")) return [];
  return [
    roleFinding(
      where,
      "this is no ASCII-armoured public key",
      "Turn it into one: gpg --enarmor, or gpg --armor --export",
    ),
  ];
}

/** @returns archives whose key is no file of the role, and keys of no archive. */
export function judgeArchives(
  file: YamlFile,
  levels: readonly (readonly [level: string, part: Pick<OsVariant, "archives">])[],
  folder: RoleFolder,
): Finding[] {
  const keys = [...readKeys(folder).keys()];
  const used = new Set(levels.flatMap(([, { archives }]) => archives.map(({ key }) => key)));
  const missing = levels.flatMap(([level, { archives }]) =>
    archives.flatMap(({ key }, index) => {
      if (keys.includes(key)) return [];
      const path = [...(level === "" ? [] : ["byOs", level]), "archives", index, "key"];
      return [roleFinding(file.where(path), `${key} is no file of this role`, hintForName(key, keys))];
    }),
  );
  const idle = keys
    .filter((key) => !used.has(key))
    .map((key) =>
      roleFinding(
        `${folder.source}/${key}`,
        "no archive of role.yaml has this key",
        "Name it under archives:, or take it out",
      ),
    );
  return [...missing, ...idle];
}
