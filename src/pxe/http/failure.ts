/** How a failure of ours is told to a node: the status that says whether it will pass, and when to ask again. */
import type { FastifyReply } from "fastify";
import type { ErrorCode } from "../../error-codes.ts";
import { ImagectlError } from "../../errors.ts";

/** What passes by itself or once somebody made room; everything else is 500. RFC 9110 section 15.6.4, RFC 4918 section 11.5. */
const statuses: Partial<Record<ErrorCode, { readonly status: number; readonly text: string }>> = {
  DATABASE_BUSY: { status: 503, text: "the database is locked for a moment: ask again\n" },
  DATABASE_FULL: { status: 507, text: "the bastion's disk is full: ask again when there is room\n" },
};

/** Seconds. The agent asks again after a pause of its own; others may go by this. */
const retryAfterSeconds = 2;

/** Answers with 500, 503 or 507: a node asks again after each of them. */
export function sendFailure(reply: FastifyReply, error: unknown): FastifyReply {
  const passing = error instanceof ImagectlError ? statuses[error.code] : undefined;
  if (passing !== undefined) reply.header("retry-after", String(retryAfterSeconds));
  return reply
    .code(passing?.status ?? 500)
    .header("cache-control", "no-store")
    .type("text/plain; charset=utf-8")
    .send(passing?.text ?? "this is our fault: see the log of imagectl serve\n");
}
