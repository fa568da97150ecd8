/** The control server that nodes talk to: small requests, small answers, nothing that an operator may do. */
import Fastify, { type FastifyError, type FastifyInstance, type FastifyPluginAsync } from "fastify";
import { ImagectlError } from "../../errors.ts";
import { sendFailure } from "./failure.ts";

/** The largest request is an inventory; 100 disks with their names are about 60 kB. Bytes. */
const largestBody = 256 * 1024;

/** How long one request may take to arrive. Milliseconds. A node sends it from RAM, so longer is an attack or a dead link. */
const requestTimeoutMs = 30_000;
/** Milliseconds. Nodes ask every few seconds while they deploy and reuse their connection. */
const keepAliveTimeoutMs = 15_000;

export type ControlServerOptions = {
  readonly plugins: readonly FastifyPluginAsync[];
  /** Told about what is our fault: the request as `METHOD /path` without a token, and the error. */
  readonly onFailure: (request: string, error: unknown) => void;
};

/**
 * Makes the server without listening. The address of a client is the socket's; a forwarding header is not
 * believed, since whoever may choose it could choose a node's.
 */
export function createControlServer({ plugins, onFailure }: ControlServerOptions): FastifyInstance {
  const server = Fastify({
    trustProxy: false,
    bodyLimit: largestBody,
    requestTimeout: requestTimeoutMs,
    keepAliveTimeout: keepAliveTimeoutMs,
    exposeHeadRoutes: false,
    logger: false,
  });
  server.setNotFoundHandler((_request, reply) =>
    reply.code(404).type("text/plain").send("nothing is here\n"),
  );
  server.setErrorHandler((error: FastifyError, request, reply) => {
    const status = error.statusCode ?? 500;
    if (status < 500) return reply.code(status).type("text/plain").send(`${error.message}\n`);
    onFailure(`${request.method} ${request.routeOptions.url ?? "/"}`, error);
    return sendFailure(reply, error);
  });
  for (const plugin of plugins) server.register(plugin);
  return server;
}

/** @throws ImagectlError PORT_IN_USE, SOCKET_FAILED. */
export async function listenOn(server: FastifyInstance, address: string, port: number): Promise<void> {
  await server.listen({ host: address, port }).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "EADDRINUSE") {
      throw new ImagectlError("PORT_IN_USE", `cannot listen on TCP ${port} of ${address}`, {
        hint: `Find who does: ss -ltnp 'sport = :${port}'`,
        cause,
      });
    }
    throw new ImagectlError("SOCKET_FAILED", `cannot listen on TCP ${port} of ${address}: ${cause.message}`, {
      hint: `Give the interface its address first: ip -br addr | grep ${address}`,
      cause,
    });
  });
}
