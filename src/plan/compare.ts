/** Two image layers of a node's plan, the installed and the wanted one: what a reinstall would change. Pure. */
import { digestOf } from "../digest.ts";
import type { ImagePlan } from "./plan.ts";

export type PlanDifference = {
  readonly action: "added" | "modified" | "deleted";
  /** `the package htop`, `/etc/hosts`, `the command "make it"`, `the operating system: debian-12 -> debian-13`. */
  readonly what: string;
  /** Undefined for what belongs to no role alone. */
  readonly role: string | undefined;
};

type Item = { readonly key: string; readonly role: string | undefined; readonly digest: string };

/** @returns nothing when both plans name the same image. */
export function compareImagePlans(installed: ImagePlan, wanted: ImagePlan): PlanDifference[] {
  const [old, fresh] = [itemsOf(installed), itemsOf(wanted)];
  const keys = [...new Set([...old.keys(), ...fresh.keys()])].sort();
  const differences = keys.flatMap((key): PlanDifference[] => {
    const [before, after] = [old.get(key), fresh.get(key)];
    if (before?.digest === after?.digest) return [];
    const action = before === undefined ? "added" : after === undefined ? "deleted" : "modified";
    return [{ action, what: key, role: (after ?? before)?.role }];
  });
  if (installed.os === wanted.os) return differences;
  const what = `the operating system: ${installed.os} -> ${wanted.os}`;
  return [{ action: "modified", what, role: undefined }, ...differences];
}

function itemsOf(plan: ImagePlan): ReadonlyMap<string, Item> {
  const owned = <Entry extends { readonly role: string }>(
    entries: readonly Entry[],
    name: (entry: Entry) => string,
  ): Item[] => entries.map((entry) => ({ key: name(entry), role: entry.role, digest: digestOf(entry) }));
  const named = (what: string, names: readonly string[] = []): Item[] =>
    names.map((name) => ({ key: `the ${what} ${name}`, role: undefined, digest: "" }));
  const items = [
    ...named("package", plan.packages),
    ...named("package of the build", plan.buildPackages),
    ...named("archive component", plan.components),
    ...(plan.archives ?? []).map((archive) => ({
      ...{ key: `the archive ${archive.name}`, role: undefined, digest: digestOf(archive) },
    })),
    ...(plan.buildFiles ?? []).map(({ path, sha256 }) => ({
      ...{ key: `the file of the build ${path}`, role: undefined, digest: sha256 },
    })),
    ...owned(plan.files, ({ path }) => path),
    ...owned(plan.commands, ({ name }) => `the command "${name}"`),
    ...owned(plan.services, ({ unit }) => `the service ${unit}`),
    ...owned(plan.validators, ({ name }) => `the validator "${name}"`),
  ];
  return new Map(items.map((item) => [item.key, item]));
}
