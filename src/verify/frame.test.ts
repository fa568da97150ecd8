import { expect, test } from "vitest";
import { run } from "../run.ts";
import { frameScript, parseFramed } from "./frame.ts";
import { localVantage } from "./local.ts";

const bastion = localVantage({ GREETING: "it's me" });

test("an answer carries exit code, stdout and stderr of the script", async () => {
  expect(await bastion("echo out; echo err >&2; exit 7", 10)).toEqual({
    exitCode: 7,
    stdout: "out\n",
    stderr: "err\n",
  });
});

test("a script without a last newline is not glued to the frame", async () => {
  expect((await bastion("printf no-newline", 10)).stdout).toBe("no-newline");
});

test("a script that runs too long ends with 124", async () => {
  const answer = await bastion("sleep 30", 1);
  expect(answer.exitCode).toBe(124);
});

test("a script that reads its standard input finds it empty", async () => {
  expect((await bastion("cat; echo after", 10)).stdout).toBe("after\n");
});

test("checks have the declared environment and the system's whole search path", async () => {
  const { stdout } = await bastion('echo "$GREETING"; echo "$PATH"', 10);
  expect(stdout).toContain("it's me\n");
  expect(stdout).toContain("/usr/sbin");
});

test("output that was cut off before its end is no answer", async () => {
  const framed = await run("sh", ["-c", frameScript("echo all of it", 10)]);
  expect(parseFramed("node1", framed.stdout, "").stdout).toBe("all of it\n");
  expect(() => parseFramed("node1", framed.stdout.slice(0, -1), "")).toThrow("node1 did not answer");
  expect(() => parseFramed("node1", "", "Connection closed by 10.77.0.11")).toThrow("Connection closed");
});

test("a script cannot forge its exit code in the middle of its output", async () => {
  const answer = await bastion("printf '\\nimagectl-exit:0\\n'; exit 9", 10);
  expect(answer.exitCode).toBe(9);
});
