/** Parts of the deploy environment's agent run on this machine: in its own shell, with folders for disk and RAM. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { packageRoot } from "../../src/paths.ts";
import { anyExitCode, type RunResult, run } from "../../src/run.ts";
import { shellQuote } from "../../src/shell.ts";

export type AgentShell = {
  /** What is `/run/imagectl` on a node. */
  readonly runFolder: string;
  /** What is the new root on a node. */
  readonly target: string;
  /** Runs sh code after the agent's files were read. Consoles are /dev/null, reports go to `reports`. */
  run(code: string, variables?: Readonly<Record<string, string | number>>): Promise<RunResult>;
  /** The events that were queued, oldest first. */
  reports(): readonly Readonly<Record<string, unknown>>[];
  close(): void;
};

/** @param parent where its folders are made. */
export function openAgentShell(parent: string = tmpdir()): AgentShell {
  const folder = mkdtempSync(join(parent, "imagectl-agent-"));
  const runFolder = join(folder, "run");
  const target = join(folder, "target");
  mkdirSync(runFolder);
  mkdirSync(target);
  const agent = join(packageRoot, "templates/deploy/imagectl");
  const files = [
    "base.sh",
    "http.sh",
    "report.sh",
    "steps.sh",
    "disk.sh",
    "mirror.sh",
    "data-disk.sh",
    "stream.sh",
    "target.sh",
    "boot.sh",
  ];
  const prelude = [
    "set -eu",
    `here=${shellQuote(agent)}`,
    ...files.map((file) => `. "$here/${file}"`),
    "consoles=null",
    'write_curl_config "$(printf %064d 0)"',
    `queue_event() { printf '%s\\n' "$1" >>"$run/reports"; }`,
  ];
  return {
    runFolder,
    target,
    run: (code, variables = {}) => {
      const values = Object.entries(variables).map(([name, value]) => `${name}=${shellQuote(String(value))}`);
      return run("dash", ["-c", [...prelude, ...values, code].join("\n")], {
        env: { IMAGECTL_RUN: runFolder, IMAGECTL_TARGET: target },
        okExitCodes: anyExitCode,
        timeoutMs: 600_000,
      });
    },
    reports: () => {
      const lines = readFileSync(join(runFolder, "reports"), "utf8").trim().split("\n");
      return lines.map((line) => JSON.parse(line));
    },
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}
