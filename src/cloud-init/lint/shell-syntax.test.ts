/** Asking a shell: what it reads, what it does not, and that there may be none. */
import { expect, test, vi } from "vitest";
import { ImagectlError } from "../../errors.ts";
import { run } from "../../run.ts";
import { late, lint } from "./test-documents.ts";

vi.mock("../../run.ts", async (original) => {
  const real = await original<typeof import("../../run.ts")>();
  return { ...real, run: vi.fn(real.run) };
});

test("nothing is executed", async () => {
  const marker = `/tmp/imagectl-lint-${process.pid}`;
  expect(await lint(late(`touch ${marker} > /target/etc/a`))).toEqual([]);
  await expect(run("ls", [marker])).rejects.toThrow("No such file");
});

test("where there is no bash, the command is said to be unread, and the rest is checked", async () => {
  vi.mocked(run).mockImplementationOnce(() =>
    Promise.reject(new ImagectlError("COMMAND_FAILED", "bash: could not be run", { hint: "install it" })),
  );
  const text = `${late("[bash, -c, id]")}    - "echo 'a"\n`;
  expect(await lint(text)).toMatchObject([
    { code: "TOOL_MISSING", severity: "warning" },
    { code: "COMMAND_SYNTAX", severity: "error" },
  ]);
});
