/** Files of the operator: taken only as what the cluster file says they are. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { sha256 } from "../digest.ts";
import { ImagectlError } from "../errors.ts";
import { copyBuildFile, requireBuildFiles } from "./build-files.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "imagectl-build-files-"));
  writeFileSync(join(folder, "tool.sh"), "echo hello\n");
});
afterAll(() => rmSync(folder, { recursive: true }));
const tool = { path: "tool.sh", sha256: sha256("echo hello\n") };

async function refusal(attempt: Promise<void>): Promise<ImagectlError> {
  const error = await attempt.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(ImagectlError);
  return error as ImagectlError;
}

test("a file that is what it should be is copied, from the folder or from its absolute path", async () => {
  await requireBuildFiles([tool, { ...tool, path: join(folder, "tool.sh") }], folder);
  const target = join(folder, "step/files", tool.sha256);
  await copyBuildFile(tool, folder, target);
  expect(readFileSync(target, "utf8")).toBe("echo hello\n");
});

test("all that are missing, others or no files are told at once, each with what to do", async () => {
  const wrong = [
    { ...tool, path: "toll.sh" },
    { ...tool, sha256: sha256("") },
    { ...tool, path: "." },
  ];
  const { code, findings } = await refusal(requireBuildFiles([tool, ...wrong], folder));
  expect(code).toBe("BUILD_FILES_INVALID");
  expect(findings.map(({ where, message }) => [where, message])).toEqual([
    ["toll.sh", expect.stringContaining(join(folder, "toll.sh"))],
    ["tool.sh", expect.stringContaining(`${tool.sha256}, and not ${sha256("")}`)],
    [".", expect.stringContaining("cannot be read")],
  ]);
  for (const { hint } of findings) expect(hint).not.toBe("");
});

test("a file that changed after it was looked at is not built into anything", async () => {
  const other = { ...tool, sha256: sha256("other") };
  const { code } = await refusal(copyBuildFile(other, folder, join(folder, "step/other")));
  expect(code).toBe("BUILD_FILES_INVALID");
});
