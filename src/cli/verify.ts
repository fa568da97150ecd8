/** `imagectl verify`: runs nodes' acceptance checks now, from the node, the bastion and the outsider. */
import { describeError, ImagectlError } from "../errors.ts";
import type { VerifyLine } from "../serve/operator-types.ts";
import { type NodeProof, reportsJunit } from "../verify/junit.ts";
import type { CheckResult, Report } from "../verify/report.ts";
import { planOfBastion, proveBastion } from "./bastion.ts";
import { defineCommand, jsonLinesOption } from "./command.ts";
import { type EachOptions, type NodeOutcome, onEachNode } from "./each-node.ts";
import { type OperatorClient, operatorClient } from "./operator-client.ts";
import { bastionClusterOption } from "./plan-context.ts";
import { formOf, showReport } from "./report-form.ts";
import { findTargets, requireSome, targetWords, withoutUnarmed } from "./targets.ts";

export const command = defineCommand({
  summary: "run nodes' acceptance checks and show the reports (exit code 1: one is not ready)",
  usage: "verify NODE|GROUP… | --all | bastion [--last] [--cluster FILE] [--json | --junit]",
  options: {
    all: { type: "boolean", description: "Every node that runs a system of ours, or was to." },
    last: { type: "boolean", description: "Show the last report instead of running the checks." },
    ...bastionClusterOption,
    junit: { type: "boolean", description: "Print JUnit XML: one document, also of several nodes." },
    ...jsonLinesOption,
  },
  positionals: targetWords,
  words: ["targets"],
  async run({ values, positionals }, io) {
    const form = formOf(values, ["json", "junit"]);
    const show = (report: Report): NodeOutcome => {
      io.stdout.write(showReport(report, form));
      return outcomeOf(report);
    };
    const bastion = await planOfBastion(positionals, values.cluster, io.env);
    if (bastion !== undefined) {
      return show(await proveBastion(bastion, (result) => io.stderr.write(resultLine(result)))).exitCode;
    }
    const client = operatorClient(io.env);
    const isAll = values.all === true;
    const selection = await findTargets(client, { words: positionals, isAll, command: "verify" });
    const chosen = withoutUnarmed(selection, io);
    requireSome(chosen);
    const { isSingle } = selection;
    const isLast = values.last === true;
    const ask = (node: string): Promise<Report> =>
      isLast
        ? client.get<Report>(`${pathOf(node)}/report`)
        : runNow(client, node, (result) =>
            io.stderr.write(`${isSingle ? "" : `${node}  `}${resultLine(result)}`),
          );
    const nodes = chosen.map(({ node }) => node);
    const failedWord = isLast ? "without a report" : "could not be asked";
    const each = { nodes, isSingle, isJson: form === "json", failedWord, io };
    if (form !== "junit" || isSingle) return onEachNode(each, async (node) => show(await ask(node)));
    const leftOut = selection.nodes.filter((node) => !chosen.includes(node)).map(({ node }) => node);
    return proveForCi(each, ask, leftOut);
  },
});

/** Standard output is the one document; what is said meanwhile goes where progress goes. */
async function proveForCi(
  each: EachOptions,
  ask: (node: string) => Promise<Report>,
  leftOut: readonly string[],
): Promise<number> {
  const { io } = each;
  const proofs: NodeProof[] = [];
  const exitCode = await onEachNode({ ...each, io: { ...io, stdout: io.stderr } }, async (node) => {
    try {
      const report = await ask(node);
      proofs.push({ kind: "report", report });
      return outcomeOf(report);
    } catch (error) {
      proofs.push({ kind: "no-report", node, reason: describeError(error) });
      throw error;
    }
  });
  const reason = "left out: it is neither installed nor armed";
  const skipped = leftOut.map((node): NodeProof => ({ kind: "left-out", node, reason }));
  io.stdout.write(reportsJunit([...proofs, ...skipped]));
  return exitCode;
}

function outcomeOf({ isReady }: Report): NodeOutcome {
  return isReady ? { exitCode: 0, word: "ready" } : { exitCode: 1, word: "not ready" };
}

function resultLine({ check, outcome }: CheckResult): string {
  return `${outcome.padEnd(14)}  ${check.role}: ${check.name}\n`;
}

const pathOf = (node: string): string => `/nodes/${encodeURIComponent(node)}`;

/** Says each check as it is known: emulated machines take a minute for all of them. */
async function runNow(
  client: OperatorClient,
  node: string,
  onResult: (result: CheckResult) => void,
): Promise<Report> {
  for await (const line of client.lines<VerifyLine>("POST", `${pathOf(node)}/verify`)) {
    if (line.kind === "report") return line.report;
    onResult(line.result);
  }
  throw new ImagectlError("SERVER_ANSWER_MALFORMED", "the server ended the checks without a report", {
    hint: "Is it still running? imagectl nodes",
  });
}
