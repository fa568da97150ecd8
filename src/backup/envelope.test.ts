import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { ImagectlError } from "../errors.ts";
import { openEnvelope, packEnvelope } from "./envelope.ts";

const sealed = randomBytes(1_700);

/** The code of the refusal, or what came out. */
async function outcome(bytes: Uint8Array): Promise<string> {
  try {
    return Buffer.from(await openEnvelope(bytes)).equals(sealed) ? "the same" : "something else";
  } catch (error) {
    if (error instanceof ImagectlError) return error.code;
    throw error;
  }
}

test("what was packed comes out, and the file says what it is", async () => {
  const bytes = await packEnvelope(sealed);
  expect(await outcome(bytes)).toBe("the same");
  expect(Buffer.from(bytes).subarray(0, 19).toString()).toBe("imagectl-backup.txt");
  expect(Buffer.from(bytes).toString("latin1")).toContain("age --decrypt state.tar.age | tar x");
});

test("cut short anywhere, it says that it is", async () => {
  const bytes = await packEnvelope(sealed);
  const outcomes = new Set<string>();
  for (let length = 19; length < bytes.length; length += 1) {
    outcomes.add(await outcome(bytes.subarray(0, length)));
  }
  expect([...outcomes]).toEqual(["BACKUP_CUT_SHORT"]);
});

test("one flipped bit anywhere is found, or is in padding and changes nothing", async () => {
  const bytes = await packEnvelope(sealed);
  const outcomes = new Map<string, number>();
  for (let index = 0; index < bytes.length; index += 1) {
    const flipped = Buffer.from(bytes);
    flipped[index] = (flipped[index] as number) ^ (1 << (index % 8));
    const code = await outcome(flipped);
    outcomes.set(code, (outcomes.get(code) ?? 0) + 1);
  }
  const codes = ["BACKUP_CUT_SHORT", "BACKUP_DAMAGED", "BACKUP_UNKNOWN", "the same"];
  expect([...outcomes.keys()].filter((code) => !codes.includes(code))).toEqual([]);
  // All of the sealed part, the text and the sums, and the headers of three entries.
  expect(outcomes.get("BACKUP_DAMAGED")).toBeGreaterThan(sealed.length + 3 * 300);
  // Only the last two empty blocks look like an early end; only the magic like another file.
  expect(outcomes.get("BACKUP_CUT_SHORT")).toBe(1024);
  expect(outcomes.get("BACKUP_UNKNOWN")).toBe("imagectl-backup.txt".length);
});

test.each([
  ["nothing", Buffer.alloc(0)],
  ["another tar", Buffer.alloc(10_240)],
  ["text", Buffer.from("imagectl-backup, but not quite\n")],
])("%s is no backup", async (_name, bytes) => {
  expect(await outcome(bytes)).toBe("BACKUP_UNKNOWN");
});
