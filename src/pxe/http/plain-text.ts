/** Answers for shell scripts and small programs: a line of text that nothing in between may keep. */
import type { FastifyReply } from "fastify";

export function text(reply: FastifyReply, status: number, body: string): FastifyReply {
  return reply.code(status).header("cache-control", "no-store").type("text/plain; charset=utf-8").send(body);
}
