/** The events that a node itself may report, parsed strictly: everything else it says is refused by name. */
import { z } from "zod";
import { ImagectlError } from "../errors.ts";
import type { EventBody } from "./event.ts";
import { parseJson } from "./parse-json.ts";

/** A step's number; a deploy has about a dozen. */
const Index = z.int().min(0).max(999);
const Bytes = z.int().nonnegative();

/** Longest kept log tail, characters: what a console of 80 x 100 shows. */
export const longestLogTail = 8_000;

const NodeEventBody = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("step-started"),
    index: Index,
    total: Index,
    step: z.string().regex(/^[a-z0-9][a-z0-9-]{0,63}$/),
  }),
  z.strictObject({
    kind: z.literal("step-progress"),
    index: Index,
    bytes: Bytes,
    totalBytes: Bytes,
    bytesPerSecond: z.number().nonnegative(),
  }),
  z.strictObject({ kind: z.literal("step-finished"), index: Index, seconds: z.number().nonnegative() }),
  z.strictObject({
    kind: z.literal("step-failed"),
    index: Index,
    exitCode: z.int().min(0).max(255),
    logTail: z.string().transform((text) => text.slice(-longestLogTail)),
  }),
  z.strictObject({ kind: z.literal("deployed"), restart: z.literal("kexec").exactOptional() }),
  z.strictObject({ kind: z.literal("rescue-ready") }),
]);

/** The part of EventBody that may come from a node. */
export type NodeReport = z.output<typeof NodeEventBody>;

/**
 * @param text one JSON document.
 * @throws ImagectlError EVENT_MALFORMED, naming the field.
 */
export function parseNodeReport(text: string): NodeReport & EventBody {
  const parsed = NodeEventBody.safeParse(parseJson(text, malformed));
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => `${issue.path.join(".") || "event"}: ${issue.message}`);
  throw malformed(problems.join("; "));
}

function malformed(problem: string, cause?: unknown): ImagectlError {
  return new ImagectlError("EVENT_MALFORMED", `a node's event was refused: ${problem}`, {
    hint: "The deploy environment does not fit this server. Build the image again: imagectl build",
    ...(cause === undefined ? {} : { cause }),
  });
}
