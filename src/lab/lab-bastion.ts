/** The bastion of a lab: the real `imagectl serve` as a process of its own, inside the lab's network. */
import { join } from "node:path";
import { ImagectlError } from "../errors.ts";
import { dyingWithUs, type Namespace } from "../namespace.ts";
import { packageRoot } from "../paths.ts";
import { type RunOptions, type RunResult, run, type StartedProcess, start } from "../run.ts";

export type LabBastionSettings = {
  readonly place: Namespace;
  readonly clusterFile: string;
  /** IMAGECTL_STATE, IMAGECTL_RUN: everything that it keeps, away from the host's own. */
  readonly environment: Readonly<Record<string, string>>;
  /** Each line of the server's log. */
  readonly onLine: (line: string) => void;
};

/** How long the server may take to start. Milliseconds. It asks the network for other DHCP servers first. */
const startTimeoutMs = 60_000;

/** The last line that `imagectl serve` says when everything listens. */
const readyLine = /\bready: for operators on\b/;

export class LabBastion {
  readonly #settings: LabBastionSettings;
  readonly #log: string[] = [];
  #server: StartedProcess | undefined;

  constructor(settings: LabBastionSettings) {
    this.#settings = settings;
  }

  /** Everything that the server has said, over restarts. */
  log(): string {
    return this.#log.join("\n");
  }

  /** @throws ImagectlError LAB_BOOT_FAILED with the server's log when it does not get ready. */
  async start(): Promise<void> {
    const { place, clusterFile, environment } = this.#settings;
    const [program, ...words] = [...dyingWithUs, ...place.enter, imagectl, "serve", "--cluster", clusterFile];
    const ready = Promise.withResolvers<void>();
    const server = start(program, words, {
      env: environment,
      onLine: (line) => {
        this.#log.push(line);
        this.#settings.onLine(line);
        if (readyLine.test(line)) ready.resolve();
      },
    });
    this.#server = server;
    const timer = setTimeout(ready.resolve, startTimeoutMs);
    const from = this.#log.length;
    await Promise.race([ready.promise, server.exited]);
    clearTimeout(timer);
    if (this.#log.slice(from).some((line) => readyLine.test(line))) return;
    await this.stop("SIGKILL");
    const message = `imagectl serve did not get ready\n${this.#log.slice(from).join("\n")}`;
    throw new ImagectlError("LAB_BOOT_FAILED", message, {
      hint: "Its log says why. Make keys, file and images ready first: imagectl validate, imagectl build",
    });
  }

  /** Ends the server; SIGKILL as a crash would. Attempts are in its database and go on at the next start. */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    server.stop(signal);
    await server.exited;
  }

  /**
   * Runs an imagectl command as the operator on the bastion does.
   * @throws ImagectlError COMMAND_FAILED for an exit code that `options` does not allow.
   */
  imagectl(words: readonly string[], options: Omit<RunOptions, "env"> = {}): Promise<RunResult> {
    const { place, environment } = this.#settings;
    const [program, ...rest] = place.enter;
    return run(program, [...rest, imagectl, ...words], { ...options, env: environment });
  }
}

const imagectl = join(packageRoot, "bin/imagectl");
