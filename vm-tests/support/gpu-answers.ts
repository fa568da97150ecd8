/** The GPU exporter as it runs on a node, with programs that answer what a test wants. There is no GPU here. */
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { vi } from "vitest";
import { packageRoot } from "../../src/paths.ts";
import { run, type StartedProcess, start } from "../../src/run.ts";

export const exporter = join(packageRoot, "templates/roles/gpu-exporter/files/usr/lib/imagectl/gpu-exporter");

/** In the form of `nvidia-smi` 590 on an H200, with and without MIG; the values are ours. */
export const [idle, busy] = [
  "GPU-6f1e2d3c-0000-0000-0000-00000000000a",
  "GPU-6f1e2d3c-0000-0000-0000-00000000000b",
];
const clocksAsTheyShould = "Not Active, Not Active, Not Active, Not Active, Not Active";
export const idleRow = `0, ${idle}, NVIDIA H200, 590.48.01, 0, 0, 55, 143771, 28, 78.28, 700.00, 345, 3201, 0, 0, ${clocksAsTheyShould}`;
export const busyRow = `1, ${busy}, NVIDIA H200, 590.48.01, 97, 7, 16959, 143771, 66, 695.10, 700.00, 1980, 3201, 0, 0, Active, Not Active, Not Active, Not Active, Not Active`;
export const sickRow = `1, ${busy}, NVIDIA H200, 590.48.01, [N/A], [N/A], 16959, 143771, 90, [Unknown Error], 700.00, 345, 3201, 12, 2, Not Active, Active, Active, Not Active, Not Active`;
const rowsAsTheyShould = `${idle}, 0, 0\n${busy}, 0, 0`;

export type Answers = {
  readonly gpus: string;
  readonly processes?: string;
  readonly rows?: string;
  /** The kernel's lines, with seconds since 1970. */
  readonly kernel?: string;
  /** What nvidia-smi does before it answers to a question with this word in it. */
  readonly before?: readonly [question: string, script: string];
};

/** A folder for programs that answer, and the processes of users that were started in it. */
export class GpuAnswers {
  readonly folder = mkdtempSync(join(tmpdir(), "imagectl-gpu-"));
  readonly #started: StartedProcess[] = [];
  #count = 0;

  /** Runs the exporter once with programs that answer this. */
  async metricsOf(answers: Answers, gpus = 0): Promise<{ text: string; stderr: string }> {
    const bin = join(this.folder, `bin-${this.#count++}`);
    mkdirSync(bin);
    const program = (name: string, text: string): void => {
      writeFileSync(join(bin, name), text);
      chmodSync(join(bin, name), 0o755);
    };
    program("nvidia-smi", nvidiaSmi(answers));
    program("journalctl", `#!/bin/sh\n${sayingOf(answers.kernel ?? "")}\n`);
    const env = { PATH: `${bin}:${process.env.PATH}`, IMAGECTL_GPUS: String(gpus) };
    const { stdout, stderr } = await run("sh", [exporter, "--print"], { env, timeoutMs: 60_000 });
    return { text: stdout, stderr };
  }

  /** Starts a sleeping process of a user; its name is the file's. */
  async startAs(uid: number, name: string): Promise<number> {
    const file = join(this.folder, name);
    if (!existsSync(file)) copyFileSync("/bin/sleep", file);
    chmodSync(this.folder, 0o755);
    const pid = Promise.withResolvers<number>();
    const words = ["--reuid", String(uid), "--regid", String(uid), "--clear-groups"];
    const child = start("setpriv", [...words, "sh", "-c", 'echo $$; exec "$0" 600', file], {
      onLine: (line) => pid.resolve(Number(line)),
    });
    this.#started.push(child);
    const found = await pid.promise;
    await vi.waitUntil(() => readFileSync(`/proc/${found}/comm`, "utf8") === `${name.slice(0, 15)}\n`);
    return found;
  }

  async close(): Promise<void> {
    for (const each of this.#started) each.stop("SIGKILL");
    await Promise.all(this.#started.map(({ exited }) => exited));
    rmSync(this.folder, { recursive: true });
  }
}

function nvidiaSmi({ gpus, processes = "", rows = rowsAsTheyShould, before }: Answers): string {
  return `#!/bin/sh
case $* in *${before?.[0] ?? "nothing"}*) ${before?.[1] ?? ":"} ;; esac
case $* in
*--query-gpu=*--format=csv,noheader,nounits) ${sayingOf(gpus)}
;;
*--query-compute-apps=*--format=csv,noheader,nounits) ${sayingOf(processes)}
;;
*--query-remapped-rows=*--format=csv,noheader,nounits) ${sayingOf(rows)}
;;
*) exit 2 ;;
esac
`;
}

function sayingOf(text: string): string {
  return `cat <<'END'\n${text}${text === "" ? "" : "\n"}END`;
}
