/** Keeps the artefact workers running: processes that share one port and are replaced when they die. */

import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Ipv4Address } from "../address.ts";
import { ImagectlError } from "../errors.ts";
import { packageRoot } from "../paths.ts";
import { type StartedProcess, start } from "../run.ts";

export type ArtefactWorkersOptions = {
  /** The folder of blobs, each named by its SHA-256. The account `nobody` must be able to read it. */
  readonly blobDirectory: string;
  readonly address: Ipv4Address;
  readonly port: number;
  /** How many. One Node process moves about 1 GB/s. */
  readonly count: number;
  /** A client asked for an artefact that is not in the folder. */
  readonly onMissing: (sha256: string, client: string) => void;
  /** What a worker says, and that one was replaced. */
  readonly log: (message: string) => void;
};

export type ArtefactWorkers = {
  /** Process ids of those that run now. */
  pids(): readonly number[];
  /** Ends them all. */
  stop(): Promise<void>;
};

/** How long a worker may take until it listens. Milliseconds. Our choice: it takes 0.2 s on an idle machine. */
const startTimeoutMs = 15_000;
/** Between a worker's death and its successor: dying at once, again and again, must not take a core. Milliseconds. */
const restartDelayMs = 500;

/**
 * Returns when all of them listen.
 * @throws ImagectlError ARTEFACT_WORKER_FAILED when the first ones do not get to listen.
 */
export async function startArtefactWorkers(options: ArtefactWorkersOptions): Promise<ArtefactWorkers> {
  const running = new Map<number, StartedProcess>();
  let isStopping = false;

  const keepRunning = async (first: Worker): Promise<void> => {
    let worker = first;
    for (;;) {
      const { exitCode, signal } = await worker.process.exited;
      running.delete(worker.process.pid);
      if (isStopping) return;
      options.log(`artefact worker ${worker.process.pid} ended (${signal ?? exitCode}), starting another`);
      await sleep(restartDelayMs);
      if (isStopping) return;
      worker = startWorker(options);
      running.set(worker.process.pid, worker.process);
    }
  };

  const workers = Array.from({ length: options.count }, () => startWorker(options));
  const loops = workers.map((worker) => {
    running.set(worker.process.pid, worker.process);
    return worker;
  });
  const stop = async (): Promise<void> => {
    isStopping = true;
    const ending = [...running.values()];
    for (const process of ending) process.stop();
    await Promise.all(ending.map((process) => process.exited));
  };
  try {
    await Promise.all(workers.map((worker) => worker.isListening));
  } catch (error) {
    await stop();
    throw error;
  }
  for (const worker of loops) void keepRunning(worker);
  return { pids: () => [...running.keys()], stop };
}

type Worker = { readonly process: StartedProcess; readonly isListening: Promise<void> };

const missingLine = /^missing ([0-9a-f]{64}) (\S*)$/;

function startWorker({ blobDirectory, address, port, onMissing, log }: ArtefactWorkersOptions): Worker {
  const said: string[] = [];
  const listening = Promise.withResolvers<void>();
  const program = join(packageRoot, "src/pxe/http/artefact-worker.ts");
  const started = start(process.execPath, [program, blobDirectory, address, String(port)], {
    onLine: (line) => {
      if (line === "listening") return listening.resolve();
      const [, sha256, client] = missingLine.exec(line) ?? [];
      if (sha256 !== undefined && client !== undefined) return onMissing(sha256, client);
      said.push(line);
      log(`artefact worker: ${line}`);
    },
  });
  const fail = (why: string): void => {
    listening.reject(
      new ImagectlError(
        "ARTEFACT_WORKER_FAILED",
        `an artefact worker ${why}: ${said.slice(-3).join(" / ")}`,
        {
          hint: `Is the port free? ss -ltnp 'sport = :${port}'`,
        },
      ),
    );
  };
  const timer = setTimeout(() => fail(`did not listen within ${startTimeoutMs} ms`), startTimeoutMs);
  void started.exited.then(({ exitCode, signal }) => fail(`ended (${signal ?? exitCode})`));
  const isListening = listening.promise.finally(() => clearTimeout(timer));
  // Of a later worker nobody waits for it; its end is seen by the loop.
  isListening.catch(() => {});
  return { process: started, isListening };
}
