/** A mirror needs mdadm in the image: refused at the line that asks for it. */
import { expect, test } from "vitest";
import { checkPlans, planNode } from "./make.ts";
import { clusterText, input, roles } from "./test-cluster.ts";

const withMdadm = { ...roles, raid: { "role.yaml": "summary: brings mdadm\npackages: [mdadm]\n" } };
const groupMirror = clusterText.replace(
  "disk: {match: {minSize: 1TB}}",
  "disk: {match: {}, mirror: {match: {}}}",
);
const nodeMirror = clusterText.replace(
  "disk: {match: {serial: X}}",
  "disk: {match: {}, mirror: {match: {}}}",
);

test.each<[string, string, string]>([
  ["of its group", groupMirror, "c.yaml:15:23"],
  ["of its own", nodeMirror, "c.yaml:18:86"],
])("a node with a mirror %s is refused where no role installs mdadm", (_name, text, where) => {
  expect(checkPlans(input(roles, text))).toEqual([
    expect.objectContaining({ code: "DISK_ROLE_MISSING", where, severity: "error" }),
  ]);
});

test("with such a role it is planned, and the package is the image's", () => {
  const text = groupMirror.replace("roles: [hello, zero]", "roles: [hello, zero, raid]");
  const { image, node } = planNode(input(withMdadm, text), "node1");
  expect(image.packages).toContain("mdadm");
  expect(node.disk).toEqual({ match: {}, mirror: { match: {} } });
});
