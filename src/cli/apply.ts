/** `imagectl apply`: brings running nodes to what the cluster file says now. */
import type { NodePlan } from "../plan/plan.ts";
import { parseDuration } from "../quantity.ts";
import type { ApplyLine } from "../serve/operator-types.ts";
import { terminalLine } from "../terminal-text.ts";
import { applyToBastion, confirmSeconds, planOfBastion } from "./bastion.ts";
import { type CommandIo, defineCommand, jsonLinesOption } from "./command.ts";
import { type NodeOutcome, onEachNode } from "./each-node.ts";
import { type OperatorClient, operatorClient } from "./operator-client.ts";
import { bastionClusterOption } from "./plan-context.ts";
import { allOption, findTargets, targetWords, withoutBare } from "./targets.ts";

export const command = defineCommand({
  summary: "apply the node layer of the cluster file to running nodes (accounts, keys, firewall, addresses)",
  usage: "apply NODE|GROUP… | --all | bastion [--cluster FILE] [--within TIME] [--dry-run] [--json]",
  options: {
    ...allOption,
    ...bastionClusterOption,
    within: {
      type: "string",
      valueName: "TIME",
      description: "How long the bastion's change waits for imagectl confirm: 90s, 2m. Default: 2m.",
    },
    "dry-run": {
      type: "boolean",
      description: "Show what would change (then the exit code is 2), and change nothing.",
    },
    ...jsonLinesOption,
  },
  positionals: targetWords,
  words: ["targets"],
  async run({ values, positionals }, io) {
    const bastion = await planOfBastion(positionals, values.cluster, io.env);
    if (bastion !== undefined) {
      const confirm = values.within === undefined ? confirmSeconds : parseDuration(values.within);
      return applyBastion(bastion, {
        isDryRun: values["dry-run"] === true,
        confirmSeconds: confirm,
        isJson: values.json === true,
        io,
      });
    }
    const client = operatorClient(io.env);
    const isAll = values.all === true;
    const selection = await findTargets(client, { words: positionals, isAll, command: "apply" });
    const nodes = withoutBare(selection, io).map(({ node }) => node);
    const isJson = values.json === true;
    const isDryRun = values["dry-run"] === true;
    const { isSingle } = selection;
    return onEachNode({ nodes, isSingle, isJson, failedWord: "failed", io }, (node) =>
      applyTo(node, client, { isDryRun, isJson, io }),
    );
  },
});

async function applyBastion(
  plan: NodePlan,
  { isDryRun, confirmSeconds: seconds, isJson, io }: ApplyOptions & { readonly confirmSeconds: number },
): Promise<number> {
  const node = plan.node.hostname;
  const say = (line: ApplyLine) => io.stdout.write(`${JSON.stringify({ node, ...line })}\n`);
  const onLine = (text: string): void => {
    if (isJson) say({ kind: "line", text });
    else io.stdout.write(`${terminalLine(text)}\n`);
    if (text.startsWith("confirm ")) io.stderr.write(howToConfirm);
  };
  const code = await applyToBastion(plan, { isDryRun, confirmSeconds: seconds, onLine }, io.env);
  const done = { kind: "done", exitCode: code, isReinstallNeeded: false } as const;
  if (isJson) say(done);
  const { exitCode } = outcomeOf(code, isDryRun, false);
  if (!isJson) io.stderr.write(closing(node, done, exitCode));
  return exitCode;
}

const howToConfirm =
  "imagectl: log in to the bastion anew, from where you usually come, and there: sudo imagectl confirm\n";

type ApplyOptions = { readonly isDryRun: boolean; readonly isJson: boolean; readonly io: CommandIo };

async function applyTo(
  node: string,
  client: OperatorClient,
  { isDryRun, isJson, io }: ApplyOptions,
): Promise<NodeOutcome> {
  const path = `/nodes/${encodeURIComponent(node)}/apply`;
  let outcome: NodeOutcome = { exitCode: 1, word: "failed" };
  let isUnchanged = false;
  for await (const line of client.lines<ApplyLine>("POST", path, { isDryRun })) {
    if (isJson) io.stdout.write(`${JSON.stringify({ node, ...line })}\n`);
    else if (line.kind === "line") io.stdout.write(`${terminalLine(line.text)}\n`);
    if (line.kind === "line") isUnchanged ||= line.text === nothingToChange;
    if (line.kind !== "done") continue;
    outcome = outcomeOf(line.exitCode, isDryRun, isUnchanged);
    if (!isJson) io.stderr.write(closing(node, line, outcome.exitCode));
  }
  return outcome;
}

/** What the apply script ends with when a dry run found differences. */
const wouldChange = 3;
/** What it says when it found nothing to do. */
const nothingToChange = "nothing to change";

/** 0: done, or nothing to do. 2: a dry run found something, as diff(1) and `validate` have it. 1: it failed. */
function outcomeOf(code: number, isDryRun: boolean, isUnchanged: boolean): NodeOutcome {
  if (code === 0) return { exitCode: 0, word: isUnchanged ? "unchanged" : "applied" };
  if (isDryRun && code === wouldChange) return { exitCode: 2, word: "would change" };
  return { exitCode: 1, word: "failed" };
}

function closing(node: string, done: Extract<ApplyLine, { kind: "done" }>, code: number): string {
  const failed =
    code === 1 ? `imagectl: ${node}: apply ended with exit code ${done.exitCode}; see above\n` : "";
  const reinstall = done.isReinstallNeeded
    ? `imagectl: ${node}: the image layer of its plan differs from what is installed; that takes a reinstall: imagectl build, then imagectl reinstall ${node}\n`
    : "";
  return `${failed}${reinstall}`;
}
