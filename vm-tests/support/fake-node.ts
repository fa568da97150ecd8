/** A machine that says what the deploy environment says, with curl, from a network namespace of its own. */
import { randomBytes } from "node:crypto";
import type { LabNetwork } from "../../src/lab/network.ts";
import { type Namespace, openNamespace } from "../../src/namespace.ts";
import type { Inventory } from "../../src/plan/inventory.ts";
import { anyExitCode, type RunResult, run } from "../../src/run.ts";
import { lab } from "./lab-cluster.ts";

/** Where the lab's node asks for its boot script. */
export const scriptUrl = `http://${lab.bastion}:8080/boot/${lab.node.mac.replaceAll(":", "-")}/script.ipxe?firmware=bios-x86`;

/** What the fake node says that it is. */
export const inventory: Inventory = {
  firmware: "bios-x86",
  memoryMiB: 2048,
  cpus: 2,
  product: "a fake machine",
  serial: "F1",
  disks: [
    {
      path: "/dev/vda",
      bytes: 20e9,
      model: "",
      serial: "D1",
      wwn: "",
      idPaths: [],
      isRemovable: false,
      isReadOnly: false,
      transport: "virtio",
      signatures: [],
      filesystems: [],
    },
  ],
  nics: [{ name: "eth0", mac: lab.node.mac, hasCarrier: true }],
};

export type HttpAnswer = { readonly status: number; readonly body: string };

export type FakeNode = {
  readonly place: Namespace;
  http(
    method: "GET" | "POST",
    url: string,
    body?: string | object,
    headers?: readonly string[],
  ): Promise<HttpAnswer>;
  /** Runs a program in it; any exit code is an answer. */
  run(words: readonly string[], timeoutMs: number): Promise<RunResult>;
  close(): Promise<void>;
};

export async function plugFakeNode(
  network: LabNetwork,
  { mac, address }: { readonly mac: string; readonly address: string | undefined },
): Promise<FakeNode> {
  const place = await openNamespace("fake");
  await network.plug(place, "eth0", mac);
  if (address !== undefined) await place.ip("address", "add", `${address}/24`, "dev", "eth0");
  await place.ip("link", "set", "dev", "eth0", "up");
  const inside = (words: readonly string[], timeoutMs: number, input?: string): Promise<RunResult> =>
    run(place.enter[0], [...place.enter.slice(1), ...words], {
      okExitCodes: anyExitCode,
      timeoutMs,
      ...(input === undefined ? {} : { input }),
    });
  return {
    place,
    run: inside,
    http: async (method, url, body, headers = []) => {
      const text = typeof body === "object" ? JSON.stringify(body) : body;
      const options = ["--silent", "--show-error", "--max-time", "20", "--request", method];
      const data = text === undefined ? [] : ["--data-binary", "@-"];
      const sent = headers.flatMap((header) => ["--header", header]);
      const words = ["curl", ...options, ...data, ...sent, "--write-out", "\n%{http_code}", url];
      const { stdout, stderr } = await inside(words, 25_000, text);
      const end = stdout.lastIndexOf("\n");
      const status = Number(stdout.slice(end + 1));
      if (!(status >= 100)) return { status: 0, body: stderr };
      return { status, body: stdout.slice(0, end) };
    },
    close: () => place.close(),
  };
}

/** A seed session as the deploy environment keeps it: a key made on the spot, sent with every request. */
export type FakeSession = {
  readonly seedUrl: string;
  ask(method: "GET" | "POST", name: string, body?: string | object): Promise<HttpAnswer>;
};

export function fakeSession(node: FakeNode, seedUrl: string): FakeSession {
  const authorization = `Authorization: Bearer ${randomBytes(32).toString("hex")}`;
  return {
    seedUrl,
    ask: (method, name, body) => node.http(method, `${seedUrl}/${name}`, body, [authorization]),
  };
}

/** The seed URL on the kernel command line of an iPXE script. */
export function seedUrlOf(script: string): string {
  const found = /imagectl\.seed=(\S+)/.exec(script)?.[1];
  if (found === undefined) throw new Error(`the script has no seed URL:\n${script}`);
  return found;
}
