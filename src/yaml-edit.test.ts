import { describe, expect, test } from "vitest";
import { editYaml, type YamlEdit } from "./yaml-edit.ts";

const set = (path: string, value: string): YamlEdit => ({ kind: "set", path: path.split("."), value });
const remove = (path: string): YamlEdit => ({ kind: "remove", path: path.split(".") });

/** Odd on purpose: what a formatter would touch must come out as it went in. */
const text = `# the cluster
groups:
  gpu:   # the big ones
    os:   debian-12     # until the driver is there
    params: {a: {b: 1},  c: "x"}
  cpu: {os: "debian-12", method: golden}
nodes:
  # first rack
  node1: {mac: aa, group: gpu}   # broken fan
  # second rack
  node2:
    mac: bb
    group: gpu # both

  node3: {
    mac: cc,
    group: gpu,
  }
tail: 'end'
`;

describe("set", () => {
  test.each([
    [
      "a plain value with a comment behind it",
      "groups.gpu.os",
      "debian-13",
      "    os:   debian-13     # until",
    ],
    ["a quoted value stays quoted", "groups.cpu.os", "debian-13", '  cpu: {os: "debian-13", method: golden}'],
    [
      "a new key of a flow map",
      "nodes.node1.os",
      "debian-13",
      "{mac: aa, group: gpu, os: debian-13}   # broken",
    ],
    [
      "a new key of a block map",
      "nodes.node2.os",
      "debian-13",
      "    group: gpu # both\n    os: debian-13\n\n  node3",
    ],
    ["a value that needs quotes gets them", "nodes.node2.mac", "12", '    mac: "12"\n'],
  ])("%s", (_name, path, value, expected) => {
    const changed = editYaml(text, "f.yaml", set(path, value));
    expect(changed).toContain(expected);
    const lines = new Set(text.split("\n"));
    expect(changed.split("\n").filter((line) => !lines.has(line))).toHaveLength(1);
  });
  test("a key is added where the file ends without a newline", () => {
    expect(editYaml("a:\n  b: c", "f", set("a.d", "e"))).toBe("a:\n  b: c\n  d: e");
  });
  test("the ends of lines stay those of the file", () => {
    expect(editYaml("a:\r\n  b: c\r\n", "f", set("a.d", "e"))).toBe("a:\r\n  b: c\r\n  d: e\r\n");
  });
  test("a key is added behind a nested map", () => {
    const nested = "a:\n  b:\n    c:\n      - 1\n      - x: 2 # two\nz: 1\n";
    expect(editYaml(nested, "f", set("a.d", "e"))).toBe(nested.replace("z: 1", "  d: e\nz: 1"));
  });
});

describe("remove", () => {
  test("a block entry goes with its lines; comments above it and its neighbours stay", () => {
    expect(editYaml(text, "f.yaml", remove("nodes.node2"))).toBe(
      text.replace("  node2:\n    mac: bb\n    group: gpu # both\n", ""),
    );
  });
  test("an entry over several lines of flow goes whole", () => {
    expect(editYaml(text, "f.yaml", remove("nodes.node3"))).toBe(
      text.replace("  node3: {\n    mac: cc,\n    group: gpu,\n  }\n", ""),
    );
  });
  test.each([
    ["first", "a: {x: 1, y: 2}", "a.x", "a: {y: 2}"],
    ["last", "a: {x: 1, y: 2}", "a.y", "a: {x: 1}"],
    ["only", "a: {x: 1}", "a.x", "a: {}"],
  ])("the %s of a flow map", (_name, before, path, after) => {
    expect(editYaml(before, "f", remove(path))).toBe(after);
  });
  test("the last entry of a block map leaves an empty map, not nothing", () => {
    expect(editYaml("nodes:\n  # one\n  a: 1\nz: 2\n", "f", remove("nodes.a"))).toBe(
      "nodes: {}\n  # one\nz: 2\n",
    );
  });
});

describe("append", () => {
  const append = (path: string, ...values: string[]): YamlEdit => ({
    kind: "append",
    path: path.split("."),
    values,
  });
  test.each([
    ["a block list", "a:\n  - x # one\nz: 1\n", 'a:\n  - x # one\n  - y\n  - "a b"\nz: 1\n'],
    ["a list at the margin", "a:\n- x\nz: 1\n", 'a:\n- x\n- y\n- "a b"\nz: 1\n'],
    ["a list at the end, without a line end", "a:\n  -   x", 'a:\n  -   x\n  -   y\n  -   "a b"'],
    ["a flow list", "a: [x] # one\n", 'a: [x, y, "a b"] # one\n'],
    ["a flow list with a comma at its end", "a: [\n  x,\n]\n", 'a: [\n  x, y, "a b",\n]\n'],
    ["lines with their own ends", "a:\r\n  - x\r\n", 'a:\r\n  - x\r\n  - y\r\n  - "a b"\r\n'],
  ])("%s", (_name, before, after) => {
    expect(editYaml(before, "f", append("a", "y", "a b"))).toBe(after);
  });
  test.each([
    ["what is no list", "a: x\n"],
    ["an empty list", "a: []\n"],
    ["a list that others share", "b: &l [x]\na: *l\n"],
  ])("%s is refused, with what to add by hand", (_name, before) => {
    expect(() => editYaml(before, "f", append("a", "y"))).toThrow(/cannot be changed safely$/);
  });
});

test("a map that is new is one line", () => {
  const value = { uid: 10003, keys: ["ssh-ed25519 AAAA x: y"] };
  const edit: YamlEdit = { kind: "set", path: ["users", "dave"], value };
  expect(editYaml("users:\n  alice:\n    uid: 1 # one\ntail: 1\n", "f", edit)).toBe(
    'users:\n  alice:\n    uid: 1 # one\n  dave: {uid: 10003, keys: ["ssh-ed25519 AAAA x: y"]}\ntail: 1\n',
  );
});

describe("what cannot be changed safely is refused, with the place and what to do by hand", () => {
  const shared = "base: &b\n  os: one\na: *b\nc:\n  <<: *b\n";
  test.each([
    ["a value that an alias shares", shared, set("a.os", "two")],
    ["the value that others alias", shared, set("base.os", "two")],
    ["a value that is a map", text, set("groups.gpu", "x")],
    ["a key that is not there", text, remove("nodes.node9")],
    ["a path through nothing", text, set("a.b.c", "x")],
    ["a file that is no YAML", "a: [", set("a", "x")],
  ])("%s", (_name, before, edit) => {
    expect(() => editYaml(before, "f.yaml", edit)).toThrow(/^f\.yaml:[0-9]+: .* cannot be changed safely$/);
  });
});
