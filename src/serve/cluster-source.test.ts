import { mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ImagectlError } from "../errors.ts";
import type { PlanInput } from "../plan/make.ts";
import { type ClusterSource, openClusterSource } from "./cluster-source.ts";

let folder: string;
let file: string;
let source: ClusterSource | undefined;
let lines: string[];
let reads: number;
let fault: ImagectlError | undefined;

async function read(): Promise<PlanInput> {
  reads += 1;
  if (fault !== undefined) throw fault;
  return { cluster: { name: `version ${reads}`, nodes: [] } } as unknown as PlanInput;
}

/** A file of the same size and of another second: only the time tells. */
function touch(seconds: number): void {
  utimesSync(file, seconds, seconds);
}

const open = async (): Promise<ClusterSource> => {
  source = await openClusterSource(file, read, (_subject, text) => lines.push(text));
  return source;
};

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "imagectl-cluster-"));
  file = join(folder, "cluster.yaml");
  writeFileSync(file, "x");
  touch(1);
  lines = [];
  reads = 0;
  fault = undefined;
});

afterEach(() => {
  source?.close();
  rmSync(folder, { recursive: true });
});

test("a file that did not change is not read again; one that did is", async () => {
  const cluster = await open();
  await cluster.refreshIfChanged();
  expect(reads).toBe(1);
  touch(2);
  await cluster.refreshIfChanged();
  expect(cluster.current().cluster.name).toBe("version 2");
  expect(lines).toEqual([expect.stringContaining("was read again: 0 nodes")]);
});

test("a broken file is logged with its findings, once, and the last good one stays", async () => {
  const cluster = await open();
  fault = new ImagectlError("CLUSTER_INVALID", "1 problem", {
    hint: "mend it",
    findings: [
      { code: "CLUSTER_INVALID", where: "c.yaml:1:1", message: "odd", hint: "even", severity: "error" },
    ],
  });
  touch(2);
  await cluster.refreshIfChanged();
  await cluster.refreshIfChanged();
  expect(cluster.current().cluster.name).toBe("version 1");
  expect(lines).toHaveLength(2);
  expect(lines[0]).toContain("the last good one stays in use");
  expect(lines[1]).toContain("c.yaml:1:1");
});

test("an operator's command is decided from the file as it is, or refused", async () => {
  const cluster = await open();
  expect((await cluster.fresh()).cluster.name).toBe("version 2");
  fault = new ImagectlError("CLUSTER_INVALID", "1 problem", { hint: "mend it" });
  await expect(cluster.fresh()).rejects.toThrow("1 problem");
  expect(cluster.current().cluster.name).toBe("version 2");
});

test("a server does not start with a broken file", async () => {
  fault = new ImagectlError("CLUSTER_INVALID", "1 problem", { hint: "mend it" });
  await expect(open()).rejects.toThrow("1 problem");
});
