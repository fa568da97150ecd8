/** The two route tables side by side: what a node may ask, and what an operator may. */
import type { FastifyPluginAsync } from "fastify";
import { expect, test } from "vitest";
import { bootRoute } from "../pxe/http/boot-route.ts";
import { installerReportRoutes } from "../pxe/http/installer-report-routes.ts";
import { seedRoutes } from "../pxe/http/seed-routes.ts";
import { createControlServer } from "../pxe/http/server.ts";
import { operatorRoutes } from "./operator-routes.ts";

/** A plugin's dependencies are asked for nothing before the first request. */
const nothing = {} as never;

async function routesOf(...plugins: readonly FastifyPluginAsync[]): Promise<string[]> {
  const server = createControlServer({ plugins: [], onFailure: () => {} });
  const routes: string[] = [];
  server.addHook("onRoute", ({ method, url }) => {
    for (const one of [method].flat()) routes.push(`${one} ${url}`);
  });
  for (const plugin of plugins) server.register(plugin);
  await server.ready();
  await server.close();
  return routes.sort();
}

const ofNodes = [bootRoute(nothing), seedRoutes(nothing), installerReportRoutes(nothing)];

test("nodes: iPXE, one script, one seed session and its installer, nothing else", async () => {
  expect(await routesOf(...ofNodes)).toMatchInlineSnapshot(`
    [
      "GET /boot/:file",
      "GET /boot/:mac/script.ipxe",
      "GET /boot/:mac/too-small",
      "GET /seed/:token/autoinstall.yaml",
      "GET /seed/:token/clock",
      "GET /seed/:token/image-layer.tar",
      "GET /seed/:token/meta-data",
      "GET /seed/:token/overlay.tar",
      "GET /seed/:token/preseed.cfg",
      "GET /seed/:token/user-data",
      "GET /seed/:token/vendor-data",
      "HEAD /boot/:file",
      "POST /seed/:token/events",
      "POST /seed/:token/host-key",
      "POST /seed/:token/installer-report",
      "POST /seed/:token/inventory",
      "POST /seed/:token/phone-home",
      "POST /seed/:token/redeem",
    ]
  `);
});

test("operators: everything that a person may do", async () => {
  expect(await routesOf(operatorRoutes(nothing))).toMatchInlineSnapshot(`
    [
      "GET /database",
      "GET /events",
      "GET /images/needed",
      "GET /nodes",
      "GET /nodes/:node/report",
      "GET /status",
      "GET /targets",
      "GET /watch",
      "POST /arm",
      "POST /disarm",
      "POST /nodes/:node/apply",
      "POST /nodes/:node/diff",
      "POST /nodes/:node/verify",
      "POST /reinstall",
      "POST /rescue",
      "POST /retire",
    ]
  `);
});

test("no route is in both tables", async () => {
  const forNodes = new Set(await routesOf(...ofNodes));
  expect((await routesOf(operatorRoutes(nothing))).filter((route) => forNodes.has(route))).toEqual([]);
});
