/** Vitest itself: what our reporter says at the end of a run in which not everything was run. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { openScratch } from "../../src/lab/scratch.ts";
import { packageRoot } from "../../src/paths.ts";
import { run } from "../../src/run.ts";
import { cache } from "../support/image.ts";

const scratch = openScratch({ cache, pid: process.pid });
afterAll(() => scratch.close());

const support = join(packageRoot, "vm-tests/support");

/** @returns what the reporter printed of a test file, and how the run ended. */
async function report(name: string, source: string): Promise<{ exitCode: number; lines: string[] }> {
  const folder = scratch.folder(name);
  const config = `import { CountReporter } from "${support}/count-reporter.ts";
export default { test: { globals: true, reporters: [new CountReporter()] } };\n`;
  writeFileSync(join(folder, "vitest.config.ts"), config);
  writeFileSync(join(folder, "a.test.ts"), source);
  const vitest = join(packageRoot, "node_modules/.bin/vitest");
  const { exitCode, stdout } = await run(vitest, ["run"], { cwd: folder, okExitCodes: [0, 1] });
  return { exitCode, lines: stdout.trimEnd().split("\n") };
}

test("tests whose suite could not be set up say so, and the suite counts as failed", async () => {
  const source = `describe("outer", () => {
  beforeAll(() => { throw new Error("no machine\\nits last lines"); });
  test("one", () => {});
  describe("inner", () => { test("two", () => {}); });
});
test("three", () => {});\n`;
  expect(await report("set-up", source)).toEqual({
    exitCode: 1,
    lines: [
      "skipped: outer > one: the set-up of its suite failed: no machine",
      "skipped: outer > inner > two: the set-up of its suite failed: no machine",
      "1 passed, 1 failed",
    ],
  });
});

test("so do those of a file; a failed clean-up explains no skip", async () => {
  const whole = 'beforeAll(() => { throw new Error("no machine"); });\ntest("one", () => {});\n';
  expect((await report("whole", whole)).lines).toEqual([
    "skipped: one: the set-up of its suite failed: no machine",
    "0 passed, 1 failed",
  ]);
  const cleanUp = `afterAll(() => { throw new Error("still mounted"); });
test("one", () => {});
test.skip("two", () => {});
test("three", ({ skip }) => skip("no accelerator"));\n`;
  expect((await report("clean-up", cleanUp)).lines).toEqual([
    "skipped: two: no reason was given",
    "skipped: three: no accelerator",
    "1 passed, 1 failed",
  ]);
});

test("after a failure the rest of a story says where it ended", async () => {
  const source = `import { tellAsOneStory } from "${support}/story.ts";
tellAsOneStory();
test("one", () => {});
test("two", () => { throw new Error("lost"); });
test("three", () => {});\n`;
  expect((await report("story", source)).lines).toEqual([
    "skipped: three: the story ended at: two",
    "1 passed, 1 failed",
  ]);
});
