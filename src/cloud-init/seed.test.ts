import { expect, test } from "vitest";
import { parseYamlFile } from "../yaml-file.ts";
import { makeSeed } from "./seed.ts";

const userData = "#cloud-config\nruncmd: [[id]]\n";
const seedOf = (text: string) => makeSeed({ hostname: "node1", userData: text }, "cluster.yaml:31:7");
const contentOf = (text: string, name: string) =>
  seedOf(text).files.find((file) => file.path === `/var/lib/cloud/seed/nocloud/${name}`)?.content ?? "";

test("what is written is read back as it was meant", () => {
  expect(parseYamlFile(contentOf(userData, "meta-data"), "meta-data").value).toEqual({
    "instance-id": expect.stringMatching(/^node1-[0-9a-f]{12}$/),
    "local-hostname": "node1",
  });
  expect(contentOf(userData, "user-data")).toBe(userData);
  expect(seedOf(userData).findings).toEqual([]);
});

test("nobody but root reads the seed", () => {
  expect(seedOf(userData).files.map((file) => file.mode)).toEqual([0o600, 0o600]);
});

test("another text is another instance, so that cloud-init runs again; the same text is the same", () => {
  expect(contentOf(userData, "meta-data")).toBe(contentOf(userData, "meta-data"));
  expect(contentOf(`${userData}packages: []\n`, "meta-data")).not.toBe(contentOf(userData, "meta-data"));
});

test("what is wrong with the text comes back with its place", () => {
  expect(seedOf("#cloud-config\nusers: []\n").findings[0]?.where).toContain("cluster.yaml:31:7");
});
