import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openScratch } from "./scratch.ts";

let cache: string;
beforeEach(() => {
  cache = mkdtempSync(join(tmpdir(), "imagectl-scratch-"));
});
afterEach(() => rmSync(cache, { recursive: true }));
const open = (isAlive: (pid: number) => boolean) =>
  openScratch({ cache, runtime: join(cache, "run"), pid: 333, isAlive });

test("a lab that was killed is cleaned up by the next one, a living one is left alone", () => {
  mkdirSync(join(cache, "lab/111-1/node1"), { recursive: true });
  mkdirSync(join(cache, "lab/222-1"), { recursive: true });
  const scratch = open((pid) => pid === 222);
  expect(existsSync(join(cache, "lab/111-1"))).toBe(false);
  expect(existsSync(join(cache, "lab/222-1"))).toBe(true);
  expect(existsSync(scratch.runtime)).toBe(true);
  scratch.close();
  expect(existsSync(join(cache, "lab/333-1"))).toBe(false);
  expect(existsSync(scratch.runtime)).toBe(false);
});

test("two labs of one process have folders of their own", () => {
  const first = open(() => true);
  const second = open(() => true);
  expect(first.id).not.toBe(second.id);
  expect(first.folder("node1")).not.toBe(second.folder("node1"));
});

test("a folder is fresh each time it is asked for", () => {
  const scratch = open(() => true);
  writeFileSync(join(scratch.folder("node1"), "left"), "");
  expect(existsSync(join(scratch.folder("node1"), "left"))).toBe(false);
});
