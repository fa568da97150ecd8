import { expect, test } from "vitest";
import { compareImagePlans } from "./compare.ts";
import type { ImagePlan, PlannedFile } from "./plan.ts";

const file = (path: string, content: string): PlannedFile => ({
  path,
  content,
  mode: 0o644,
  owner: "root",
  group: "root",
  role: "hello",
});
const plan: ImagePlan = {
  os: "debian-12",
  arch: "amd64",
  packages: ["attr", "zlib"],
  files: [file("/etc/a", "1"), file("/etc/b", "1")],
  commands: [{ name: "c", run: "true", role: "zero", unless: "false" }],
  services: [],
  validators: [],
};

test("equal plans differ in nothing", () => {
  expect(compareImagePlans(plan, structuredClone(plan))).toEqual([]);
});

test("packages, files, commands and the system, each with what becomes of it and its role", () => {
  const wanted: ImagePlan = {
    ...plan,
    os: "debian-13",
    packages: ["attr", "htop"],
    files: [file("/etc/a", "2"), file("/etc/c", "1")],
    commands: [{ name: "c", run: "false", role: "zero", unless: "false" }],
  };
  expect(compareImagePlans(plan, wanted).map(({ action, what, role }) => [action, what, role])).toEqual([
    ["modified", "the operating system: debian-12 -> debian-13", undefined],
    ["modified", "/etc/a", "hello"],
    ["deleted", "/etc/b", "hello"],
    ["added", "/etc/c", "hello"],
    ["modified", 'the command "c"', "zero"],
    ["added", "the package htop", undefined],
    ["deleted", "the package zlib", undefined],
  ]);
});

test("a file's mode alone is a difference", () => {
  const [first, second] = plan.files as [PlannedFile, PlannedFile];
  const wanted = { ...plan, files: [{ ...first, mode: 0o600 }, second] };
  expect(compareImagePlans(plan, wanted)).toEqual([{ action: "modified", what: "/etc/a", role: "hello" }]);
});

test("what an image is built with, and where its packages come from", () => {
  const buildFiles = [{ path: "a.sh", sha256: "0".repeat(64) }];
  const archives = [{ name: "a", uri: "https://a.example", suite: "./", components: [], key: "k" }];
  const wanted: ImagePlan = {
    ...{ ...plan, components: ["non-free"], archives, buildPackages: ["gcc"], buildFiles },
  };
  expect(compareImagePlans(plan, wanted)).toEqual([
    { action: "added", what: "the archive a", role: undefined },
    { action: "added", what: "the archive component non-free", role: undefined },
    { action: "added", what: "the file of the build a.sh", role: undefined },
    { action: "added", what: "the package of the build gcc", role: undefined },
  ]);
  const resigned = { ...wanted, archives: archives.map((archive) => ({ ...archive, key: "l" })) };
  expect(compareImagePlans(wanted, resigned)).toEqual([
    { action: "modified", what: "the archive a", role: undefined },
  ]);
});
