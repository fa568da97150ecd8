/** A web server in a namespace of the lab that takes whatever is posted to it: where alerts are told. */
import type { Namespace } from "../../src/namespace.ts";
import { start } from "../../src/run.ts";

export type Posted = {
  readonly path: string;
  readonly body: unknown;
  /** Milliseconds of the clock, when it came. */
  readonly at: number;
};

export type Hook = {
  readonly posted: readonly Posted[];
  close(): Promise<void>;
};

const program = `
require("node:http").createServer((request, response) => {
  let body = "";
  request.on("data", (part) => { body += part; });
  request.on("end", () => {
    console.log(JSON.stringify({ path: request.url, body: JSON.parse(body), at: Date.now() }));
    response.end("ok");
  });
}).listen(Number(process.argv[1]), process.argv[2], () => console.log("listening"));
`;

/** @param place where it listens, on this address and port. */
export async function openHook(place: Namespace, address: string, port: number): Promise<Hook> {
  const posted: Posted[] = [];
  const listening = Promise.withResolvers<void>();
  const [enter, ...words] = place.enter;
  const server = start(enter, [...words, process.execPath, "-e", program, String(port), address], {
    onLine: (line) => {
      if (line === "listening") listening.resolve();
      else posted.push(JSON.parse(line) as Posted);
    },
  });
  await Promise.race([
    listening.promise,
    server.exited.then(() => Promise.reject(new Error("the web server ended"))),
  ]);
  return {
    posted,
    close: async () => {
      server.stop("SIGKILL");
      await server.exited;
    },
  };
}
