import { expect, test } from "vitest";
import type { NodePart } from "../plan/plan.ts";
import { parseYamlFile } from "../yaml-file.ts";
import { seedFiles } from "./seed.ts";

const node = { hostname: "node1", userData: "#cloud-config\nruncmd: [[id]]\n" } as unknown as NodePart;

test("a node without user-data gets no seed", () => {
  expect(seedFiles({ hostname: "node1" } as unknown as NodePart, "i-1")).toEqual([]);
});

test("what is written is read back as it was meant", () => {
  const files = new Map(seedFiles(node, "attempt-7").map((file) => [file.path, file]));
  const metaData = files.get("/var/lib/cloud/seed/nocloud/meta-data");
  expect(parseYamlFile(metaData?.content ?? "", "meta-data").value).toEqual({
    "instance-id": "attempt-7",
    "local-hostname": "node1",
  });
  expect(files.get("/var/lib/cloud/seed/nocloud/user-data")?.content).toBe(node.userData);
});

test("nobody but root reads the seed", () => {
  expect(seedFiles(node, "i-1").map((file) => file.mode)).toEqual([0o600, 0o600]);
});

test("another deploy is another instance, so that cloud-init runs again", () => {
  expect(seedFiles(node, "attempt-7")).not.toEqual(seedFiles(node, "attempt-8"));
});
