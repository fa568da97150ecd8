/** Every value of a document may be of any kind: the linter says so, and never stumbles. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parseYamlFile, writeYaml } from "../../yaml-file.ts";
import { lintText } from "./lint.ts";
import { isMap } from "./place.ts";
import { cases, machine } from "./test-documents.ts";

const strange: readonly unknown[] = [null, 7, -1, true, "x", "", [], [null], [[7]], {}, { x: null }];

/** Every place of a value, as the keys that lead to it. */
function pathsOf(value: unknown): (readonly PropertyKey[])[] {
  const keys = Array.isArray(value) ? value.keys() : isMap(value) ? Object.keys(value) : [];
  return [...keys].flatMap((key) => [
    [key],
    ...pathsOf((value as Record<PropertyKey, unknown>)[key]).map((path) => [key, ...path]),
  ]);
}

function replaceAt(value: unknown, [key, ...path]: readonly PropertyKey[], instead: unknown): unknown {
  if (key === undefined) return instead;
  const inner = replaceAt((value as Record<PropertyKey, unknown>)[key], path, instead);
  return Array.isArray(value) ? value.with(Number(key), inner) : { ...(value as object), [key]: inner };
}

test.each(["cloud-config", "raid1-and-luks"])("%s, with strange values in every place", (name) => {
  const text = readFileSync(join(cases, `${name}.good.yaml`), "utf8");
  const { value } = parseYamlFile(text, name, { version: "1.1" });
  for (const [index, path] of pathsOf(value).entries()) {
    const changed = replaceAt(value, path, strange[index % strange.length]);
    const aim = { release: "24.04", machine, firmware: "uefi" } as const;
    const { findings } = lintText(`#cloud-config\n${writeYaml(changed)}`, name, aim);
    for (const finding of findings) expect(finding.where).toMatch(/:[0-9]+:[0-9]+$/);
  }
});
