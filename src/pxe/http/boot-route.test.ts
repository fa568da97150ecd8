import Fastify from "fastify";
import { describe, expect, test } from "vitest";
import type { Ipv4Address, MacAddress } from "../../address.ts";
import type { Manifest } from "../../store/manifest.ts";
import type { BootTarget } from "../boot/decide.ts";
import { readBootTemplates } from "../boot/templates.ts";
import { type BootRouteEvent, bootRoute } from "./boot-route.ts";

const mac = "52:54:00:77:00:11" as MacAddress;
const address = "10.77.0.11" as Ipv4Address;
const digest = "a".repeat(64);
const manifest: Manifest = {
  schema: 1,
  kind: "golden",
  os: "testos-1",
  arch: "amd64",
  planKey: digest,
  key: digest,
  createdAt: "2026-01-01T00:00:00Z",
  rootBytes: 0,
  artefacts: [{ name: "vmlinuz", bytes: 1, sha256: digest }],
  boot: [
    { firmware: "uefi-x64", kernel: "vmlinuz", initrds: [], commandLine: ["seed={seedUrl}"], minRamMiB: 512 },
  ],
};

type Attempt = NonNullable<Extract<BootTarget, { kind: "node" }>["attempt"]>;

async function openServer(
  attempt?: Partial<Attempt>,
  image: "whole" | "broken" | "no-further-try" = "whole",
) {
  const events: BootRouteEvent[] = [];
  let minted = 0;
  const server = Fastify({ exposeHeadRoutes: false });
  await server.register(
    bootRoute({
      controlUrl: "http://10.77.0.1:8080",
      templates: readBootTemplates(),
      chainloadFiles: [{ name: "snponly.efi", bytes: Buffer.from("MZ"), maxBlockBytes: 1024 }],
      lookup: (asked) =>
        asked !== mac
          ? { kind: "unknown", hasPool: false }
          : {
              kind: "node",
              hostname: "node1",
              address,
              attempt:
                attempt === undefined
                  ? undefined
                  : {
                      id: 7,
                      purpose: "deploy",
                      deadline: "2026-01-01T13:00:00Z",
                      isDeployed: false,
                      firmwares: ["uefi-x64"],
                      ...attempt,
                    },
            },
      now: () => new Date("2026-01-01T12:00:00Z"),
      prepareBoot: async (attemptId) => {
        if (image === "broken") throw new Error("the image is gone");
        if (image === "no-further-try") return undefined;
        minted += 1;
        return {
          manifest,
          values: {
            seedUrl: `http://10.77.0.1:8080/seed/${attemptId}-${minted}`,
            artefactsUrl: "http://10.77.0.1:8081/artefacts",
            address,
            prefixLength: 24,
            mac,
            bastionAddress: "10.77.0.1" as Ipv4Address,
            hostname: "node1",
            domain: "lab.test",
            kernelArguments: [],
          },
        };
      },
      log: (event) => events.push(event),
    }),
  );
  const ask = (url: string, from: string = address, method: "GET" | "HEAD" = "GET") =>
    server.inject({ method, url, remoteAddress: from });
  return { ask, events, minted: () => minted };
}

const script = "/boot/52-54-00-77-00-11/script.ipxe?firmware=uefi-x64";

describe("a machine that is too small for the deploy environment", () => {
  const tooSmall = "/boot/52-54-00-77-00-11/too-small?memory=256";

  test("says so, and it becomes an event of its attempt", async () => {
    const { ask, events } = await openServer({});
    expect((await ask(script)).body).toContain(
      "imgfetch --name too-small http://10.77.0.1:8080/boot/52-54-00-77-00-11/too-small?memory=$\u007bmemory}",
    );
    expect((await ask(tooSmall)).statusCode).toBe(200);
    expect(events.at(-1)).toEqual({ kind: "too-small", mac, attemptId: 7, memoryMiB: 256 });
  });

  test("nobody says it for another, and nothing else than a size is taken", async () => {
    const { ask, events } = await openServer({});
    expect((await ask(tooSmall, "10.77.0.12")).statusCode).toBe(403);
    expect((await ask(tooSmall.replace("52-54-00-77-00-11", "52-54-00-77-00-99"))).statusCode).toBe(404);
    expect((await ask(tooSmall.replace("256", "lots"))).statusCode).toBe(400);
    expect(events).toEqual([]);
  });
});

describe("the script of a node", () => {
  test("a rescue loads the same environment and says that no disk is written", async () => {
    const { ask, events } = await openServer({ purpose: "rescue" });
    const { body } = await ask(script);
    expect(body).toContain("rescue, no disk is written");
    expect(body).toContain("seed=http://10.77.0.1:8080/seed/7-1");
    expect(events[0]).toEqual({ kind: "script-served", mac, script: "rescue", attemptId: 7 });
  });

  test("deploys while its attempt is live, with a fresh seed each time", async () => {
    const { ask, events } = await openServer({});
    const first = await ask(script);
    expect(first.statusCode).toBe(200);
    expect(first.headers).toMatchObject({
      "content-type": "text/plain; charset=utf-8",
      "cache-control": "no-store",
    });
    expect(first.body).toContain(
      `kernel http://10.77.0.1:8081/artefacts/${digest} seed=http://10.77.0.1:8080/seed/7-1 `,
    );
    expect((await ask(script)).body).toContain("/seed/7-2 ");
    expect(events[0]).toEqual({ kind: "script-served", mac, script: "deploy", attemptId: 7 });
  });

  test.each<[string, Partial<Attempt> | undefined]>([
    ["it is not armed", undefined],
    ["the deploy is over", { isDeployed: true }],
    ["the deadline has passed", { deadline: "2026-01-01T12:00:00Z" }],
  ])("boots the local disk when %s, and mints nothing", async (_name, attempt) => {
    const { ask, events, minted } = await openServer(attempt);
    expect((await ask(script)).body).toContain("booting the local disk");
    expect(events).toEqual([{ kind: "script-served", mac, script: "local-disk" }]);
    expect(minted()).toBe(0);
  });

  test("boots the local disk when the attempt takes no further try", async () => {
    const { ask, events } = await openServer({}, "no-further-try");
    expect((await ask(script)).body).toContain("booting the local disk");
    expect(events).toEqual([{ kind: "script-served", mac, script: "local-disk" }]);
  });

  test("differs by firmware", async () => {
    const { ask } = await openServer();
    expect((await ask(script)).body).not.toContain("sanboot");
    expect((await ask(script.replace("uefi-x64", "bios-x86"))).body).toContain(
      "sanboot --no-describe --drive 0x80",
    );
  });

  test("says so on the console when the image cannot boot its firmware", async () => {
    const { ask, events } = await openServer({});
    const response = await ask(script.replace("uefi-x64", "bios-x86"));
    expect([response.statusCode, response.body]).toEqual([
      200,
      expect.stringContaining("unsupported-firmware"),
    ]);
    expect(events).toEqual([{ kind: "script-served", mac, script: "refused" }]);
  });

  test("the MAC may be written with colons or in capitals", async () => {
    const { ask } = await openServer({});
    expect((await ask("/boot/52:54:00:77:00:11/script.ipxe?firmware=uefi-x64")).statusCode).toBe(200);
    const capitals = await ask("/boot/AA-BB-CC-DD-EE-FF/script.ipxe?firmware=uefi-x64");
    expect(capitals.body).toBe("aa:bb:cc:dd:ee:ff is not a node\n");
  });
});

describe("who gets none", () => {
  test("an unknown machine: 404, so that its iPXE goes on", async () => {
    const { ask, events } = await openServer({});
    const response = await ask("/boot/52-54-00-77-00-99/script.ipxe?firmware=uefi-x64");
    expect(response.statusCode).toBe(404);
    expect(events).toMatchObject([{ kind: "script-not-served", reason: "unknown-mac" }]);
  });

  test("another address than the node's: 403, and no seed is minted", async () => {
    const { ask, events, minted } = await openServer({});
    const response = await ask(script, "10.77.0.66");
    expect(response.statusCode).toBe(403);
    expect(response.body).not.toContain("seed");
    expect(minted()).toBe(0);
    expect(events).toMatchObject([{ reason: "not-the-nodes-address", address: "10.77.0.66" }]);
  });

  test("the node's address as a dual-stack socket shows it is the node's", async () => {
    const { ask } = await openServer({});
    expect((await ask(script, "::ffff:10.77.0.11")).statusCode).toBe(200);
  });

  test("HEAD: it would mint a seed that nobody reads", async () => {
    const { ask, minted } = await openServer({});
    expect((await ask(script, address, "HEAD")).statusCode).toBe(404);
    expect(minted()).toBe(0);
  });

  test.each([
    "/boot/nonsense/script.ipxe?firmware=uefi-x64",
    "/boot/52-54-00-77-00-11/script.ipxe",
    "/boot/52-54-00-77-00-11/script.ipxe?firmware=riscv",
    "/boot/52-54-00-77-00-11/script.ipxe?firmware=uefi-x64&firmware=bios-x86",
  ])("a question that is none: 400 for %s", async (url) => {
    expect((await (await openServer({})).ask(url)).statusCode).toBe(400);
  });

  test("our failure: a script that says why and asks again, and an event", async () => {
    const { ask, events } = await openServer({}, "broken");
    const { statusCode, body } = await ask(script);
    expect(statusCode).toBe(200);
    expect(body).toContain("echo imagectl: node1: the bastion cannot serve its deploy: the image is gone\n");
    expect(body).toContain(`chain --replace ${script} || goto again`);
    expect(body).not.toContain("seed");
    expect(events).toMatchObject([
      { kind: "script-not-served", reason: "failed", message: "the image is gone" },
    ]);
  });
});

describe("iPXE for firmware that boots by HTTP", () => {
  test("comes whole, and HEAD tells its size, which UEFI asks for first", async () => {
    const { ask } = await openServer();
    const response = await ask("/boot/snponly.efi");
    expect([response.statusCode, response.body, response.headers["content-type"]]).toEqual([
      200,
      "MZ",
      "application/efi",
    ]);
    const head = await ask("/boot/snponly.efi", address, "HEAD");
    expect([head.statusCode, head.headers["content-length"], head.body]).toEqual([200, "2", ""]);
  });

  test.each(["local-disk.efi", "..", "undionly.kpxe"])("%s is 404", async (name) => {
    expect((await (await openServer()).ask(`/boot/${name}`)).statusCode).toBe(404);
  });
});
