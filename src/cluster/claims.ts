/** Things that one entry of the cluster file claims for itself, and no second one may. */
import type { ErrorCode } from "../error-codes.ts";
import type { Finding } from "../errors.ts";

/** Makes a finding at a path of the file, such as `nodes.node1.mac`. */
export type Report = (path: string, code: ErrorCode, message: string, hint: string) => Finding;

/** Something that one thing claims and no second one may: `key` is what must differ. */
export type Claim = { readonly key: string | undefined; readonly path: string; readonly owner: string };

/** @param what names the kind of claim, in messages. @returns a finding for every claim but the first of a key. */
export function collisions(what: string, claims: readonly Claim[], hint: string, report: Report): Finding[] {
  const owners = new Map<string, string>();
  return claims.flatMap(({ key, path, owner }) => {
    if (key === undefined) return [];
    const first = owners.get(key);
    if (first === undefined) owners.set(key, owner);
    return first === undefined
      ? []
      : [report(path, "DUPLICATE", `${what} ${key} of ${owner} is already that of ${first}`, hint)];
  });
}
