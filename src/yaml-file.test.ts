/** YAML with places: every problem names its line and column, and no text of the file is quoted carelessly. */
import { describe, expect, test } from "vitest";
import { parseYamlFile } from "./yaml-file.ts";

const text = `top:
  one: {a: 1, b: [x, y]}
  two:
    a: 2
list:
  - name: first
`;

describe("where a path stands", () => {
  const file = parseYamlFile(text, "f.yaml");
  test.each([
    ["a scalar, by its value", "top.one.a", "f.yaml:2:12"],
    ["a map, by its key", "top.two", "f.yaml:3:3"],
    ["a list's element", "top.one.b.1", "f.yaml:2:22"],
    ["inside a list", "list.0.name", "f.yaml:6:11"],
    ["something missing, by what is around it", "top.two.zzz", "f.yaml:3:3"],
    ["a wrong path, by the last good part", "top.zzz.a", "f.yaml:1:1"],
    ["nothing at all", "zzz", "f.yaml:1:1"],
  ])("%s", (_name, path, expected) => {
    expect(file.where(path)).toBe(expected);
  });
  test("a key, even of a scalar", () => {
    expect(file.whereKey("top.two.a")).toBe("f.yaml:4:5");
  });
  test("names with dots are given as a list", () => {
    expect(parseYamlFile("a.b: {c: 1}\n", "f.yaml").where(["a.b", "c"])).toBe("f.yaml:1:10");
  });
  test("through an alias", () => {
    expect(parseYamlFile("a: &x {k: 1}\nb: *x\n", "f.yaml").where("b.k")).toBe("f.yaml:1:11");
  });
});

describe("syntax", () => {
  test.each([
    ["a doubled key", "name: 1\nname: 2\n", "f.yaml:2:1", "the key name is there twice"],
    ["a bracket that stays open", "a: [1, 2\nb: 3\n", "f.yaml:2:1", "a [ or { above is not closed"],
    ["a tab as indentation", "a:\n\tb: 1\n", "f.yaml:2:1", "a tab stands in front of this line"],
    [
      "a space too few",
      "a:\n  b:\n    c: 1\n   d: 2\n    e: 3\n",
      "f.yaml:4:1",
      "does not begin in the column",
    ],
    ["lines below {}", "a: {}\n  b:\n    c: 1\n", "f.yaml:2:1", "does not begin in the column"],
    ["a key below a value", "a: 1\n b: 2\n", "f.yaml:1:4", "has a value already"],
    ["no space behind the colon", "a:\n  b: 1\n  c:2\n", "f.yaml:3:3", "no colon with a space"],
    ["a text that begins with @", "a: @x\n", "f.yaml:1:4", "cannot begin with this character"],
    ["two documents", "a: 1\n---\nb: 2\n", "f.yaml:2:1", "documents"],
    ["a key that would vanish", "a:\n  __proto__: 1\n", "f.yaml:2:3", "__proto__"],
    ["an alias of nothing", "a: *x\n", "f.yaml:1:4", "no anchor"],
  ])("%s", (_name, source, where, says) => {
    const file = parseYamlFile(source, "f.yaml");
    expect(file.findings).toMatchObject([
      { code: "YAML_INVALID", where, message: expect.stringContaining(says) },
    ]);
    expect(file.value).toBeUndefined();
  });
  test("aliases that unfold without end are refused", () => {
    const levels = "abcdefghi".split("").map((name, index, all) => {
      const inner = index === 0 ? "x" : `*${all[index - 1]}`;
      return `${name}: &${name} [${Array(9).fill(inner).join(", ")}]`;
    });
    expect(parseYamlFile(levels.join("\n"), "f.yaml").findings[0]?.message).toContain("aliases");
  });
  test("a private key in a broken file is not quoted", () => {
    const source = "keys:\n  - -----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktSECRET\n  x: [\n";
    const shown = JSON.stringify(parseYamlFile(source, "f.yaml").findings);
    expect(shown).toContain("YAML_INVALID");
    expect(shown).not.toContain("SECRET");
  });
  test("any text at all gives findings, never an exception", () => {
    const alphabet = "abc:-[]{}&*!|>'\"#%@`,?\n\t \u0000\u00e9";
    let seed = 7;
    const next = (): number => {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
      return seed;
    };
    for (let round = 0; round < 500; round++) {
      const source = Array.from({ length: next() % 60 }, () => alphabet[next() % alphabet.length]).join("");
      expect(Array.isArray(parseYamlFile(source, "f.yaml").findings)).toBe(true);
    }
  });
});

test("YAML 1.1, where it is asked for: no is false, << merges, colons are base 60", () => {
  const text = "a: &a {b: no, c: 12:30}\nd: {<<: *a, b: on}\n";
  const read = (version: "1.1" | "1.2") => parseYamlFile(text, "f.yaml", { version }).value;
  expect(read("1.1")).toEqual({ a: { b: false, c: 750 }, d: { b: true, c: 750 } });
  expect(read("1.2")).toEqual({ a: { b: "no", c: "12:30" }, d: { "<<": { b: "no", c: "12:30" }, b: "on" } });
});
