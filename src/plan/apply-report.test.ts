import { expect, test } from "vitest";
import { parseDryRun } from "./apply-report.ts";

test("each kind of line is a change; text below a file is its difference", () => {
  const lines = [
    "package htop",
    "A /etc/new",
    "K /etc/motd was changed here; its text is kept as /etc/motd.imagectl-kept-0123abcd",
    "M /etc/motd",
    "    @@ -1 +1 @@",
    "    -mine",
    "    +the plan's",
    "D /etc/old",
    "command make it so",
    "service ssh.service reload",
    "nothing to change",
  ];
  expect(parseDryRun(lines)).toEqual([
    { action: "install", what: "htop", isKeptAside: false, difference: [] },
    { action: "added", what: "/etc/new", isKeptAside: false, difference: [] },
    {
      action: "modified",
      what: "/etc/motd",
      isKeptAside: true,
      difference: ["@@ -1 +1 @@", "-mine", "+the plan's"],
    },
    { action: "deleted", what: "/etc/old", isKeptAside: false, difference: [] },
    { action: "run", what: "make it so", isKeptAside: false, difference: [] },
    { action: "settle", what: "ssh.service reload", isKeptAside: false, difference: [] },
  ]);
});

test("nothing to change is no change", () => {
  expect(parseDryRun(["nothing to change"])).toEqual([]);
});
