/** Both layers as one overlay: what the bastion applies to itself. */
import { expect, test } from "vitest";
import { noSecrets } from "../secrets.ts";
import { unpackTar } from "../tar.ts";
import { wholeOverlay } from "./fill-secrets.ts";
import { planNode } from "./make.ts";
import { type Folders, input } from "./test-cluster.ts";

const folders: Folders = {
  hello: {
    "role.yaml": `summary: x
packages: [motd, attr]
services: [{unit: hello.service, onChange: [/etc/fixed, /etc/name]}]
commands: [{name: c, run: "true", onChange: [/etc/fixed, /etc/name]}]
params: {word: {type: string, default: hi, description: d}}
`,
    "files/etc/fixed": "fixed\n",
    "files/etc/name.hbs": "{{node.hostname}}\n",
  },
  zero: { "role.yaml": "summary: x\n" },
};

test("it holds the files, packages and commands of both layers, and each service once", async () => {
  const plan = planNode(input(folders), "node1");
  const entries = await unpackTar(await wholeOverlay(plan, noSecrets));
  const text = (path: string) => entries.find((entry) => entry.path === path)?.content.toString();
  expect(text("imagectl/layer")).toBe("whole\n");
  expect(text("imagectl/packages")).toBe("attr\nmotd\n");
  expect(text("imagectl/services")).toBe("hello.service enabled restart /etc/fixed /etc/name\n");
  expect(text("imagectl/commands/000/on-change")).toBe("/etc/fixed\n");
  expect(text("imagectl/commands/001/on-change")).toBe("/etc/name\n");
  expect(text("root/etc/name")).toBe("node1\n");
  expect(text("imagectl/undo")).toContain("Puts back what an apply changed");
});
