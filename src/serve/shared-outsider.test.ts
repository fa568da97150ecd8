import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import type { Outsider } from "../verify/outsider.ts";
import { shareOutsider } from "./shared-outsider.ts";

const settings = { interface: "eth1", address: "10.77.0.250", prefixLength: 24 };

function open(failures = 0) {
  const counts = { opened: 0, closed: 0 };
  let failuresLeft = failures;
  const shared = shareOutsider(async (): Promise<Outsider> => {
    if (failuresLeft > 0) {
      failuresLeft -= 1;
      throw new Error("no such interface");
    }
    counts.opened += 1;
    return {
      runAt: async (script) => {
        if (script === "hang") throw new Error("did not answer");
        return { exitCode: 0, stdout: "", stderr: "" };
      },
      close: async () => {
        counts.closed += 1;
      },
    };
  }, 10);
  return { shared, counts };
}

test("two nodes at once share one outsider, which is closed after the last", async () => {
  const { shared, counts } = open();
  const [first, second] = [shared.use(settings), shared.use(settings)];
  await Promise.all([first.runAt("true", 1), second.runAt("true", 1)]);
  expect(counts).toEqual({ opened: 1, closed: 0 });
  await first.close();
  await sleep(30);
  expect(counts.closed).toBe(0);
  await second.close();
  await expect.poll(() => counts.closed).toBe(1);
});

test("a node without checks from outside makes none", async () => {
  const { shared, counts } = open();
  await shared.use(settings).close();
  await sleep(30);
  expect(counts).toEqual({ opened: 0, closed: 0 });
});

test("a check that fails in it makes no second one with the same address", async () => {
  const { shared, counts } = open();
  const user = shared.use(settings);
  await expect(user.runAt("hang", 1)).rejects.toThrow("did not answer");
  await user.runAt("true", 1);
  expect(counts.opened).toBe(1);
});

test("what could not be made is the reason of that check, and is tried again", async () => {
  const { shared, counts } = open(1);
  const user = shared.use(settings);
  await expect(user.runAt("true", 1)).rejects.toThrow("no such interface");
  await user.runAt("true", 1);
  expect(counts.opened).toBe(1);
});
