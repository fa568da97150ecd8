import { expect, test } from "vitest";
import { ImagectlError } from "./errors.ts";
import { run, start } from "./run.ts";

test("a failing command names itself, its exit code and its last lines", async () => {
  const error = await run("sh", ["-c", "echo to-stdout; echo to-stderr >&2; exit 3"]).catch(
    (thrown) => thrown,
  );
  expect(error).toBeInstanceOf(ImagectlError);
  expect(error.code).toBe("COMMAND_FAILED");
  expect(error.message).toContain("exit code 3");
  expect(error.message).toContain("to-stdout");
  expect(error.message).toContain("to-stderr");
});

test("an exit code that was declared an answer is returned", async () => {
  expect((await run("sh", ["-c", "exit 3"], { okExitCodes: [0, 3] })).exitCode).toBe(3);
});

test("lines arrive while the command runs", async () => {
  const lines: string[] = [];
  const { stdout } = await run("sh", ["-c", "echo one; echo two >&2"], {
    onLine: (line) => lines.push(line),
  });
  expect(lines.sort()).toEqual(["one", "two"]);
  expect(stdout).toBe("one\n");
});

test("a command that does not end in time is stopped and named", async () => {
  const error = await run("sleep", ["30"], { timeoutMs: 100 }).catch((thrown) => thrown);
  expect(error.message).toContain("did not end within 100 ms");
});

test("a program that is not there is a clear error", async () => {
  const error = await run("no-such-program-here", []).catch((thrown) => thrown);
  expect(error).toBeInstanceOf(ImagectlError);
  expect(error.code).toBe("COMMAND_FAILED");
});

test("a started process says its lines and can be stopped", async () => {
  const lines: string[] = [];
  const started = start("sh", ["-c", "echo ready; exec sleep 30"], { onLine: (line) => lines.push(line) });
  while (lines.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  started.stop();
  expect((await started.exited).signal).toBe("SIGTERM");
  expect(lines).toEqual(["ready"]);
});
