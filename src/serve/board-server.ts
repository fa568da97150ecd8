/** The board for whoever has an account on the bastion: a page and its JSON, on the loopback address alone. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import Fastify, { type FastifyInstance } from "fastify";
import { boardPage } from "../board/page.ts";
import { describeError, ImagectlError } from "../errors.ts";
import { packageRoot } from "../paths.ts";
import { boardAddress, servicePorts } from "../ports.ts";
import { listenOn } from "../pxe/http/server.ts";
import type { GpuBoard } from "./gpu-board.ts";
import type { Log } from "./log.ts";

/** Nobody sends it anything. Bytes. */
const largestBody = 1_024;

/** Without a script of its own, a page that shows names which nodes made up has none. */
const headers = {
  "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
} as const;

export function createBoardServer({ look }: GpuBoard): FastifyInstance {
  const template = readFileSync(join(packageRoot, "templates/board/board.html.hbs"), "utf8");
  const server = Fastify({ bodyLimit: largestBody, forceCloseConnections: true, exposeHeadRoutes: false });
  server.get("/", async (_request, reply) =>
    reply
      .headers(headers)
      .type("text/html; charset=utf-8")
      .send(boardPage(await look(), template)),
  );
  server.get("/gpus.json", async (_request, reply) => reply.headers(headers).send(await look()));
  return server;
}

/**
 * Opens it where it can be opened: no node is kept from being installed because its port is taken.
 * @returns a function that ends it.
 */
export async function openBoard(board: GpuBoard, log: Log): Promise<() => Promise<void>> {
  const server = createBoardServer(board);
  try {
    await listenOn(server, boardAddress, servicePorts.board);
    log(
      "serve",
      `which GPUs are free: imagectl gpus, or http://${boardAddress}:${servicePorts.board}/ by ssh -L`,
    );
  } catch (error) {
    const hint = error instanceof ImagectlError ? ` ${error.hint}` : "";
    log("serve", `no page of GPUs: ${describeError(error)}.${hint}`, "warning");
  }
  return () => server.close();
}
