/** The Unix socket of the operator API: one server at a time, root alone may open it. */
import { chmod, mkdir, rm } from "node:fs/promises";
import { connect } from "node:net";
import { dirname } from "node:path";
import Fastify, { type FastifyInstance, type FastifyPluginAsync } from "fastify";
import { ImagectlError } from "../errors.ts";

/** An operator's request names at most all nodes of a cluster. Bytes. */
const largestBody = 256 * 1024;

export const oneServerHint =
  "Use that one: sudo imagectl nodes. Or end it first: Ctrl-C in its window, or systemctl stop imagectl";

/**
 * @throws ImagectlError SERVER_ALREADY_RUNNING when a server answers on the socket. Call it before anything that
 *   a second server must not do, such as opening the database.
 */
export async function refuseSecondServer(socketPath: string): Promise<void> {
  const isAnswered = await new Promise<boolean>((resolve) => {
    const socket = connect(socketPath);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
  if (!isAnswered) return;
  throw new ImagectlError("SERVER_ALREADY_RUNNING", `another imagectl serve answers on ${socketPath}`, {
    hint: oneServerHint,
  });
}

/**
 * Listens, in place of a socket that a killed server left behind.
 * @returns the server; closing it removes the socket.
 */
export async function listenForOperators(
  socketPath: string,
  plugin: FastifyPluginAsync,
): Promise<FastifyInstance> {
  // A watcher's stream ends only when the server ends it.
  const server = Fastify({ bodyLimit: largestBody, forceCloseConnections: true, exposeHeadRoutes: false });
  await server.register(plugin);
  await mkdir(dirname(socketPath), { recursive: true, mode: 0o755 });
  await rm(socketPath, { force: true });
  // The socket must never be there with more rights, not even for a moment.
  const before = process.umask(0o177);
  try {
    await server.listen({ path: socketPath });
  } finally {
    process.umask(before);
  }
  await chmod(socketPath, 0o600);
  return server;
}
