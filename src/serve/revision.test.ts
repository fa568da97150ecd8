import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { run } from "../run.ts";
import { revisionOf } from "./revision.ts";

test("the revision is the file's last commit, marked when the file was changed since", async () => {
  const folder = mkdtempSync(join(tmpdir(), "imagectl-revision-"));
  try {
    const file = join(folder, "cluster.yaml");
    writeFileSync(file, "one\n");
    expect(await revisionOf(file)).toBe("not in git");
    const git = (...words: string[]) =>
      run("git", ["-C", folder, "-c", "user.name=t", "-c", "user.email=t@t", ...words]);
    await git("init", "-q");
    expect(await revisionOf(file)).toBe("not in git");
    await git("add", "cluster.yaml");
    await git("commit", "-q", "-m", "first");
    const revision = await revisionOf(file);
    expect(revision).toMatch(/^[0-9a-f]{7,}$/);
    writeFileSync(file, "two\n");
    expect(await revisionOf(file)).toBe(`${revision}+changes`);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
