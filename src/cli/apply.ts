/** `imagectl apply NODE`: brings a running node to what the cluster file says now. */
import type { ApplyLine } from "../serve/operator-types.ts";
import { terminalLine } from "../terminal-text.ts";
import { defineCommand, jsonOption } from "./command.ts";
import { operatorClient } from "./operator-client.ts";

export const command = defineCommand({
  summary: "apply the node layer of the cluster file to a running node (accounts, keys, firewall, addresses)",
  usage: "apply NODE [--dry-run] [--json]",
  options: {
    "dry-run": {
      type: "boolean",
      description: "Show what would change (then the exit code is 2), and change nothing.",
    },
    ...jsonOption,
  },
  positionals: { min: 1, max: 1 },
  async run({ values, positionals }, io) {
    const node = positionals[0] as string;
    const isDryRun = values["dry-run"] === true;
    const path = `/nodes/${encodeURIComponent(node)}/apply`;
    let code = 1;
    for await (const line of operatorClient(io.env).lines<ApplyLine>("POST", path, { isDryRun })) {
      if (values.json === true) io.stdout.write(`${JSON.stringify(line)}\n`);
      else if (line.kind === "line") io.stdout.write(`${terminalLine(line.text)}\n`);
      if (line.kind !== "done") continue;
      code = exitCodeOf(line.exitCode, isDryRun);
      if (values.json !== true) io.stderr.write(closing(node, line, code));
    }
    return code;
  },
});

/** What the apply script ends with when a dry run found differences. */
const wouldChange = 3;

/** 0: done, or nothing to do. 2: a dry run found something, as diff(1) and `validate` have it. 1: it failed. */
function exitCodeOf(code: number, isDryRun: boolean): number {
  if (code === 0) return 0;
  return isDryRun && code === wouldChange ? 2 : 1;
}

function closing(node: string, done: Extract<ApplyLine, { kind: "done" }>, code: number): string {
  const failed =
    code === 1 ? `imagectl: ${node}: apply ended with exit code ${done.exitCode}; see above\n` : "";
  const reinstall = done.isReinstallNeeded
    ? `imagectl: ${node}: the image layer of its plan differs from what is installed; that takes a reinstall: imagectl build, then imagectl arm ${node}\n`
    : "";
  return `${failed}${reinstall}`;
}
