/** Steps are numbered and timed; a failed one says what to look at. */
import { describe, expect, test } from "vitest";
import { ImagectlError } from "../errors.ts";
import { type BuildEvent, describeBuildEvent } from "./build-event.ts";
import { openProgress } from "./step-progress.ts";

function open(events: BuildEvent[] = [], signal = new AbortController().signal) {
  let seconds = 0;
  return openProgress({
    image: "debian-12 golden image",
    total: 2,
    now: () => {
      seconds += 5;
      return new Date(seconds * 1000);
    },
    signal,
    onEvent: (event) => events.push(event),
    leaves: { logPath: "/cache/logs/x.log", root: "/cache/builds/1/root" },
  });
}

test("each step has its number, its time and its result", async () => {
  const events: BuildEvent[] = [];
  const progress = open(events);
  expect(await progress("resolve packages", async () => ({ value: 7, result: "184 packages" }))).toBe(7);
  await progress("publish", async () => ({ value: undefined }));
  expect(events.map(describeBuildEvent).filter((line) => line !== undefined)).toEqual([
    "  1/2  resolve packages                      5.0 s  184 packages",
    "  2/2  publish                               5.0 s",
  ]);
});

test("a long step tells each whole percent once", async () => {
  const events: BuildEvent[] = [];
  await open(events)("hash", async (tell) => {
    for (const done of [0, 5, 10, 11, 1000]) tell(done, 1000);
    return { value: undefined };
  });
  const percents = events.flatMap((event) => (event.kind === "step-progress" ? [event.percent] : []));
  expect(percents).toEqual([1, 100]);
});

describe("a step that fails", () => {
  const failed = new ImagectlError(
    "COMMAND_FAILED",
    "setpriv unshare mmdebstrap: ended with exit code 1\nE: no space",
    {
      hint: "run it by hand",
    },
  );

  test("gives its name, the last lines, the log and the way inside", async () => {
    const error = await open()("install 184 packages", () => Promise.reject(failed)).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({
      code: "BUILD_FAILED",
      message: 'debian-12 golden image: step "install 184 packages" failed\nE: no space',
      hint: "Look inside: chroot /cache/builds/1/root /bin/sh. All that was said: /cache/logs/x.log",
    });
  });

  test("keeps the code and the hint of an error that knows more", async () => {
    const known = new ImagectlError("DRIVERS_MISSING", "initrd.img lacks ice", { hint: "add it" });
    const error = await open()("check", () => Promise.reject(known)).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "DRIVERS_MISSING", hint: expect.stringContaining("add it\n") });
  });

  test("a defect of ours passes as it is", async () => {
    const defect = new TypeError("x is undefined");
    await expect(open()("check", () => Promise.reject(defect))).rejects.toBe(defect);
  });

  test("an interrupted build says so, not that a program was killed", async () => {
    const aborted = AbortSignal.abort();
    await expect(open([], aborted)("install", () => Promise.reject(failed))).rejects.toMatchObject({
      code: "BUILD_INTERRUPTED",
    });
  });
});
