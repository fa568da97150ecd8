import { expect, test } from "vitest";
import { openAttempts } from "../nodes/attempts.ts";
import { openDatabase } from "../nodes/database.ts";
import type { NodePlan } from "../plan/plan.ts";
import { checkDeadlines } from "./deadlines.ts";

const start = new Date("2026-05-04T10:00:00Z");

function after(seconds: number): Date {
  return new Date(start.getTime() + seconds * 1000);
}

test("silence becomes one event with its cause, then the deadline ends the attempt", () => {
  const database = openDatabase(":memory:");
  const attempts = openAttempts(database);
  const lines: string[] = [];
  const log = (subject: string, text: string): number => lines.push(`${subject} ${text}`);
  const plan = { image: {}, node: { hostname: "node1", address: "10.77.0.11" } } as unknown as NodePlan;
  const { id } = attempts.arm({ plan, imageId: "i", revision: "r", now: start, deadline: after(3_600) });
  const lookAt = (seconds: number): void => checkDeadlines({ attempts, now: () => after(seconds), log });

  lookAt(299);
  expect(lines).toEqual([]);
  lookAt(305);
  lookAt(310);
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(
    /^node1 network-boot: nothing was heard after arming for 305 s\. Is the node powered on/,
  );
  expect(attempts.get(id)?.state.cause?.message).toContain("network-boot");

  attempts.append(id, { kind: "boot-offered", bootFile: "ipxe.efi" }, after(320));
  lookAt(330);
  expect(attempts.get(id)?.state).not.toHaveProperty("cause");

  lookAt(3_600);
  expect(attempts.get(id)?.state).toMatchObject({ stage: "failed", isLive: false });
  lookAt(3_700);
  expect(attempts.events({ attempt: id }).map((event) => event.body.kind)).toEqual([
    "armed",
    "stage-overdue",
    "boot-offered",
    "attempt-failed",
  ]);
  database.close();
});
