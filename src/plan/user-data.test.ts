/** The operator's user-data: made into files by a function from above, refused where nothing would read it. */
import { expect, test } from "vitest";
import { checkPlans, planNode } from "./make.ts";
import { clusterText, input, roles } from "./test-cluster.ts";

const text = clusterText.replace("    method: golden", "    method: golden\n    userData: '#cloud-config'");
const withPackage = {
  ...roles,
  seeded: { "role.yaml": "summary: brings cloud-init\npackages: [cloud-init]\n" },
};
const withRole = text.replace("roles: [hello, zero]", "roles: [hello, zero, seeded]");
const makeSeed = ({ hostname, userData }: { hostname: string; userData: string }) => ({
  files: [
    {
      path: "/a/seed",
      mode: 0o600,
      owner: "root",
      group: "root",
      content: `${hostname}: ${userData}`,
      role: "x",
    },
  ],
  findings: [],
});

test("its files are in the node layer, in order, and not in the image", () => {
  const { image, node } = planNode({ ...input(withPackage, withRole), makeSeed }, "node1");
  expect(node.files[0]).toMatchObject({ path: "/a/seed", content: "node1: #cloud-config" });
  expect(node.files.map(({ path }) => path)).toEqual(node.files.map(({ path }) => path).sort());
  expect(image.files.map(({ path }) => path)).not.toContain("/a/seed");
});

test("a group without user-data has no seed", () => {
  const { node } = planNode({ ...input(withPackage, withRole), makeSeed }, "node3");
  expect(node.files.map(({ path }) => path)).not.toContain("/a/seed");
});

test("it is refused, with its line, where no role installs cloud-init", () => {
  const findings = checkPlans({ ...input(roles, text), makeSeed });
  expect(findings).toEqual([
    expect.objectContaining({
      code: "USER_DATA_INVALID",
      where: expect.stringMatching(/^c\.yaml:[0-9]+:[0-9]+$/),
      message: expect.stringContaining("none of its roles installs cloud-init"),
    }),
  ]);
});
