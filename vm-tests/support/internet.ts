/** A stand-in for the internet behind the lab's bastion: one address that has what is at each name, by plain HTTP. */
import type { Namespace } from "../../src/namespace.ts";
import { start } from "../../src/run.ts";

/** Of TEST-NET-2, which nobody has (RFC 5737), so that it counts as somewhere outside. */
export const internetAddress = "198.51.100.7";

export type Internet = {
  /** `NAME/PATH` of each request, in their order. */
  readonly asked: readonly string[];
  /** Nothing answers there any more. */
  close(): Promise<void>;
};

const program = `
const pages = new Map(JSON.parse(process.argv[1]));
const lastModified = "Sat, 01 Jan 2022 00:00:00 GMT";
require("node:http").createServer((request, response) => {
  const asked = request.headers.host.replace(":80", "") + request.url;
  console.log(asked);
  const page = pages.get(asked);
  const body = Buffer.from(page ?? "", "base64");
  // As a mirror does: without these apt-cacher-ng does not take a file for whole.
  response.writeHead(page === undefined ? 404 : 200, { "content-length": body.length, "last-modified": lastModified });
  response.end(body);
}).listen(80, process.argv[2], () => console.log("listening"));
`;

/** @param pages what is at `NAME/PATH`. @param place where it is, on its interface to the lab's switch. */
export async function openInternet(
  place: Namespace,
  interfaceName: string,
  pages: ReadonlyMap<string, string | Buffer>,
): Promise<Internet> {
  await place.ip("address", "replace", `${internetAddress}/32`, "dev", interfaceName);
  const asked: string[] = [];
  const listening = Promise.withResolvers<void>();
  const sent = JSON.stringify([...pages].map(([at, page]) => [at, Buffer.from(page).toString("base64")]));
  const [enter, ...words] = place.enter;
  const server = start(enter, [...words, process.execPath, "-e", program, sent, internetAddress], {
    onLine: (line) => {
      if (line === "listening") listening.resolve();
      else asked.push(line);
    },
  });
  await Promise.race([
    listening.promise,
    server.exited.then(() => Promise.reject(new Error("the stand-in for the internet ended"))),
  ]);
  return {
    asked,
    close: async () => {
      server.stop("SIGKILL");
      await server.exited;
    },
  };
}
