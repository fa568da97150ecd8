/** Steps of a deploy as the agent runs them, and what stops them: here by processes of this machine. */
import { existsSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { anyExitCode, type RunResult, run } from "../../src/run.ts";
import { type AgentShell, openAgentShell } from "../support/agent-shell.ts";

let shell: AgentShell;
let steps: string;
let disk: string;

beforeEach(() => {
  shell = openAgentShell();
  steps = join(shell.runFolder, "agent");
  disk = join(shell.target, "disk");
  mkdirSync(steps);
  // As a stream does: one process of several that feed each other writes.
  const write = 'while [ -d "$(dirname "$2")" ]; do echo block; sleep 0.05; done | tee "$2" >/dev/null\n';
  writeFileSync(join(steps, "step.sh"), write);
});
afterEach(async () => {
  await run("umount", ["-q", shell.target], { okExitCodes: anyExitCode });
  shell.close();
});

/** Runs a step that never ends by itself; after that time the bastion ends the attempt. */
function attemptThatEnds(afterSeconds: number, before = ""): Promise<RunResult> {
  const code = [
    "set +e",
    "here=$steps index=1 total=1",
    'wait_forever() { echo "$1"; exit 0; }',
    "trap stop_when_gone USR1",
    'end_attempt() { sleep "$after"; echo "the attempt is over" >"$run/gone"; kill -USR1 $$; }',
    "end_attempt &",
    before,
    'run_step stream-root "$disk"',
  ];
  return shell.run(code.join("\n"), { steps, disk, after: afterSeconds });
}

test("an attempt that is over stops the step with everything that it started", async () => {
  // Long enough for the step to write something on a machine that is busy.
  const { stdout } = await attemptThatEnds(4);
  expect(stdout).toBe("the bastion ended this attempt: the attempt is over\n");
  const written = statSync(disk).size;
  expect(written).toBeGreaterThan(0);
  await sleep(500);
  expect(statSync(disk).size).toBe(written);
});

test("a step that is only about to start writes nothing at all", async () => {
  const { stdout } = await attemptThatEnds(0.3, 'busybox() { sleep 1; command busybox "$@"; }');
  expect(stdout).toBe("the bastion ended this attempt: the attempt is over\n");
  await sleep(1500);
  expect(existsSync(disk)).toBe(false);
});

test("what was being written is unmounted before the console says that nothing more is", async () => {
  const { stdout } = await attemptThatEnds(
    1,
    'mount -t tmpfs none "$target"; wait_forever() { grep -c " $target" /proc/mounts; exit 0; }',
  );
  expect(stdout).toBe("0\n");
});
