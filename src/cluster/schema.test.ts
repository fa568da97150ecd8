/** What is published about the cluster file is what the code takes. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { packageRoot } from "../paths.ts";
import { clusterJsonSchema } from "./schema.ts";

const schema = clusterJsonSchema();

test("docs/cluster.schema.json is what `imagectl schema` prints", async () => {
  await expect(`${JSON.stringify(schema, null, 2)}\n`).toMatchFileSnapshot("../../docs/cluster.schema.json");
});

function keysOf(part: unknown): string[] {
  if (part === null || typeof part !== "object") return [];
  const properties = (part as { properties?: Record<string, unknown> }).properties ?? {};
  return [...Object.keys(properties), ...Object.values(part).flatMap(keysOf)];
}

function undescribed(part: unknown, path: string): string[] {
  if (part === null || typeof part !== "object") return [];
  const {
    properties = {},
    additionalProperties,
    items,
  } = part as {
    properties?: Record<string, { description?: string }>;
    additionalProperties?: unknown;
    items?: unknown;
  };
  return [
    ...Object.entries(properties).flatMap(([key, value]) => [
      ...(value.description === undefined ? [`${path}.${key}`] : []),
      ...undescribed(value, `${path}.${key}`),
    ]),
    ...undescribed(additionalProperties, `${path}.*`),
    ...undescribed(items, `${path}[]`),
  ];
}

test("every key says what it is: editors and hints show it", () => {
  expect(undescribed(schema, "")).toEqual([]);
});

test("docs/cluster-file.md names every key", () => {
  const page = readFileSync(join(packageRoot, "docs/cluster-file.md"), "utf8");
  const keys = [...new Set(keysOf(schema))];
  expect(keys.length).toBeGreaterThan(30);
  expect(keys.filter((key) => !new RegExp(`\\b${key}\\b`).test(page))).toEqual([]);
});
