/** How steps are written for the node's shell, and that the agent knows each of them. */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { packageRoot } from "../paths.ts";
import { type DeployStep, deployStepKinds, furtherStepKinds, renderSteps } from "./steps.ts";

test("each kind of step is one function of the agent, and the agent has no other", () => {
  const folder = join(packageRoot, "templates/deploy/imagectl");
  const functions = readdirSync(folder)
    .map((file) => readFileSync(join(folder, file), "utf8"))
    .flatMap((source) => [...source.matchAll(/^(step_[a-z_]+)\(\)/gm)].map((found) => found[1]));
  const kinds = [...deployStepKinds, ...furtherStepKinds];
  expect(functions.sort()).toEqual(kinds.map((kind) => `step_${kind.replaceAll("-", "_")}`).sort());
});

test("a value with blanks, quotes and dollars reaches the node's shell as it was", () => {
  const disk = `/dev/it's "odd" $HOME \`id\`;#\\`;
  const line = renderSteps([{ kind: "wipe-disk", disk }]);
  const words = execFileSync("sh", ["-c", `eval "set -- $1"; printf '%s\\n' "$@"`, "sh", line], {
    encoding: "utf8",
  });
  expect(words).toBe(`wipe-disk\ndisk=${disk}\n`);
});

test.each<[string, readonly DeployStep[], string]>([
  ["no step is no line", [], ""],
  ["a step without parameters is its kind", [{ kind: "set-clock" }], "set-clock\n"],
  [
    "numbers are written plainly",
    [{ kind: "stream-root", sha256: "ab", bytes: 145_000_000_000 }],
    "stream-root sha256=ab bytes=145000000000\n",
  ],
  [
    "disks have commas between",
    [{ kind: "make-mirror", disks: ["/dev/nvme0n1", "/dev/nvme1n1"] }],
    "make-mirror disks=/dev/nvme0n1,/dev/nvme1n1\n",
  ],
])("%s", (_name, steps, text) => {
  expect(renderSteps(steps)).toBe(text);
});
