/** A file against its schema: each problem with its place, all of them together. */
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { parseYamlFile } from "./yaml-file.ts";
import { checkShape, problem } from "./yaml-shape.ts";

describe("shape", () => {
  const Schema = z.strictObject({
    size: z.int().meta({ description: "a number such as 4" }),
    kind: z.enum(["red", "green"]).optional(),
    tags: z.array(z.string()).default([]).meta({ description: "words" }),
    even: z
      .int()
      .superRefine((value, context) => {
        if (value % 2 === 1) context.addIssue(problem("is odd", { code: "DUPLICATE", hint: "Add one." }));
      })
      .optional(),
  });
  const check = (source: string) => checkShape(parseYamlFile(source, "f.yaml"), Schema);

  test("a good file gives its value", () => {
    expect(check("size: 4\n")).toEqual({ value: { size: 4, tags: [] }, findings: [] });
  });
  test.each([
    [
      "an unknown key, with the nearest known one",
      "size: 4\nkidn: red\n",
      "KEY_UNKNOWN",
      "f.yaml:2:1",
      "kind",
    ],
    [
      "a missing key, with what belongs there",
      "kind: red\n",
      "KEY_MISSING",
      "f.yaml:1:1",
      "a number such as 4",
    ],
    ["a wrong type", "size: four\n", "VALUE_INVALID", "f.yaml:1:7", "a number such as 4"],
    ["a wrong word", "size: 4\nkind: blue\n", "VALUE_INVALID", "f.yaml:2:7", "docs/"],
    [
      "a wrong element, described by its list",
      "size: 4\ntags: [1]\n",
      "VALUE_INVALID",
      "f.yaml:2:8",
      "words",
    ],
    ["a check of its own", "size: 4\neven: 3\n", "DUPLICATE", "f.yaml:2:7", "Add one."],
    ["an empty file", "", "VALUE_INVALID", "f.yaml:1:1", "docs/"],
  ])("%s", (_name, source, code, where, hint) => {
    const { findings } = check(source);
    expect(findings).toHaveLength(1);
    expect(findings[0]).toMatchObject({ code, where });
    expect(findings[0]?.hint).toContain(hint);
  });
  test.each([
    ["size:\n", "size: expected a number, nothing stands there"],
    ["size: 4\ntags:\n", "tags: expected a list ([a, b], or lines that begin with -), nothing stands there"],
    ["size: 4\ntags: red\n", "this is a text"],
    ["size: 4\ntags: [12]\n", "tags.0: expected a text, this is 12 (a text stands in quotes)"],
    ["size: [4]\n", "this is a list"],
  ])("a value of another kind is told in the words of YAML: %j", (source, message) => {
    expect(check(source).findings[0]?.message).toContain(message);
  });
  test("all problems come together", () => {
    expect(check("sise: 4\nkind: blue\ntags: [1, 2]\n").findings).toHaveLength(5);
  });
});
