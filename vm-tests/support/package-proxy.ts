/** A proxy for the machines of a lab, at a port of its bastion: they reach Debian's archive, by way of this process. */
import { request as ask, createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { join } from "node:path";
import { dyingWithUs, type Namespace } from "../../src/namespace.ts";
import { start } from "../../src/run.ts";

export type PackageProxy = {
  /** For a group's `installer: {proxy}`. */
  readonly url: string;
  close(): Promise<void>;
};

export type PackageProxySettings = {
  /** The bastion's. */
  readonly address: string;
  readonly port: number;
  /** A folder of its own. */
  readonly scratch: string;
  /** What is answered without asking, by URL. */
  readonly own?: ReadonlyMap<string, string>;
  /** Hears each URL that is asked for. */
  readonly onAsked?: (url: string) => void;
};

/** @param place the bastion's namespace, which reaches nothing: a program there hands its connections on. */
export async function openPackageProxy(
  place: Namespace,
  { address, port, scratch, own = new Map(), onAsked }: PackageProxySettings,
): Promise<PackageProxy> {
  const socket = join(scratch, "proxy.sock");
  const server = createServer((incoming, outgoing) => {
    onAsked?.(incoming.url ?? "");
    answer(own, incoming, outgoing);
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  const listening = Promise.withResolvers<void>();
  const [enter, ...words] = [...dyingWithUs, ...place.enter] as [string, ...string[]];
  const relay = start(
    enter,
    [...words, process.execPath, "-e", relayProgram, address, String(port), socket],
    {
      onLine: (line) => (line === "listening" ? listening.resolve() : console.log(`proxy: ${line}`)),
    },
  );
  await Promise.race([
    listening.promise,
    relay.exited.then(() => Promise.reject(new Error("the proxy's door in the lab ended"))),
  ]);
  return {
    url: `http://${address}:${port}`,
    close: async () => {
      relay.stop("SIGKILL");
      await relay.exited;
      server.closeAllConnections();
      server.close();
    },
  };
}

const relayProgram = `
const net = require("node:net");
const [, address, port, socket] = process.argv;
net.createServer((client) => {
  const server = net.connect(socket);
  client.pipe(server).pipe(client);
  client.on("error", () => server.destroy());
  server.on("error", () => client.destroy());
}).listen(Number(port), address, () => console.log("listening"));
`;

function answer(own: ReadonlyMap<string, string>, incoming: IncomingMessage, outgoing: ServerResponse): void {
  const url = incoming.url ?? "";
  const ours = own.get(url);
  if (ours !== undefined) {
    outgoing.end(ours);
    return;
  }
  const { method = "" } = incoming;
  if (!["GET", "HEAD"].includes(method) || !url.startsWith("http://")) {
    outgoing.writeHead(405).end();
    return;
  }
  const { host, ...headers } = incoming.headers;
  const asked = ask(url, { method, headers: { ...headers, host: new URL(url).host } }, (response) => {
    outgoing.writeHead(response.statusCode ?? 502, response.headers);
    response.pipe(outgoing);
  });
  asked.on("error", (error) => {
    console.log(`proxy: ${url}: ${error.message}`);
    outgoing.writeHead(502).end();
  });
  asked.end();
}
