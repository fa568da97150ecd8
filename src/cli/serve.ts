/** `imagectl serve`: the one control process of a cluster. */
import { fstatSync, writeSync } from "node:fs";
import { statePaths } from "../paths.ts";
import { createLog } from "../serve/log.ts";
import { serve } from "../serve/serve.ts";
import { type CommandIo, defineCommand } from "./command.ts";
import { clusterFile, clusterOption } from "./plan-context.ts";

export const command = defineCommand({
  summary: "boot, install and prove nodes: DHCP, TFTP, HTTP and the operator API (runs until it is stopped)",
  usage: "serve [--cluster FILE] [--interface NAME] [--json-log]",
  options: {
    ...clusterOption,
    interface: {
      type: "string",
      valueName: "NAME",
      description: "Where nodes are. Default: bastion.interface of the cluster file.",
    },
    "json-log": { type: "boolean", description: "Print the log as one JSON document per line." },
  },
  positionals: { min: 0, max: 0 },
  async run({ values }, io) {
    const now = () => new Date();
    const log = createLog({
      format: values["json-log"] === true ? "json" : "text",
      write: lineWriter(io),
      now,
    });
    const stopped = untilSignal();
    await serve(
      {
        clusterFile: clusterFile(values.cluster, io.env),
        interface: values.interface,
        paths: statePaths(io.env),
        environment: io.env,
        log,
        now,
      },
      stopped.promise,
    );
    stopped.raiseAgain();
    return 0;
  },
});

/**
 * A stream that met a full disk is closed for good, so a file is written to directly: when there is room again,
 * the log goes on.
 */
function lineWriter({ stdout }: CommandIo): (line: string) => void {
  if (stdout !== process.stdout || !fstatSync(process.stdout.fd).isFile())
    return (line) => void stdout.write(line);
  return (line) => {
    const bytes = Buffer.from(line);
    const written = writeSync(process.stdout.fd, bytes);
    if (written < bytes.length) throw new Error(`only ${written} of ${bytes.length} bytes could be written`);
  };
}

const signals = ["SIGTERM", "SIGINT"] as const;

/**
 * The first signal asks for an orderly end. Once all is closed it is raised again without our listener: the
 * parent sees what ended us, and checks that still run on nodes end with us.
 */
function untilSignal(): { readonly promise: Promise<string>; raiseAgain(): void } {
  const { promise, resolve } = Promise.withResolvers<NodeJS.Signals>();
  // Not once(): a listener that is gone before the others are called makes execa's own one end us at once.
  for (const signal of signals) process.on(signal, resolve);
  return {
    promise,
    raiseAgain: () => {
      for (const signal of signals) process.removeListener(signal, resolve);
      void promise.then((signal) => process.kill(process.pid, signal));
    },
  };
}
