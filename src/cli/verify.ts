/** `imagectl verify NODE`: runs a node's acceptance checks now, from the node, the bastion and the outsider. */
import type { VerifyLine } from "../serve/operator-types.ts";
import { terminalText } from "../terminal-text.ts";
import type { CheckResult, Report } from "../verify/report.ts";
import { reportJson, reportJunit, reportTable } from "../verify/show-report.ts";
import { planOfBastion, proveBastion } from "./bastion.ts";
import { type CommandIo, defineCommand, jsonOption } from "./command.ts";
import { operatorClient } from "./operator-client.ts";
import { clusterOption } from "./plan-context.ts";

export const command = defineCommand({
  summary: "run a node's acceptance checks and show the report (exit code 1: not ready)",
  usage: "verify NODE | bastion [--last] [--json | --junit]",
  options: {
    last: { type: "boolean", description: "Show the last report instead of running the checks." },
    ...clusterOption,
    junit: { type: "boolean", description: "Print the report as JUnit XML." },
    ...jsonOption,
  },
  positionals: { min: 1, max: 1 },
  words: ["nodes"],
  async run({ values, positionals }, io) {
    const say = (text: string) => void io.stderr.write(text);
    const bastion = await planOfBastion(positionals, values.cluster, io.env);
    const report =
      bastion === undefined
        ? await reportOfNode(positionals[0] as string, values.last === true, io.env, say)
        : await proveBastion(bastion, (result) => say(resultLine(result)));
    const text =
      values.json === true
        ? `${reportJson(report)}\n`
        : values.junit === true
          ? reportJunit(report)
          : terminalText(reportTable(report));
    io.stdout.write(text);
    return report.isReady ? 0 : 1;
  },
});

function reportOfNode(
  node: string,
  isLast: boolean,
  env: CommandIo["env"],
  say: (text: string) => void,
): Promise<Report> {
  const client = operatorClient(env);
  const path = `/nodes/${encodeURIComponent(node)}`;
  return isLast
    ? client.get<Report>(`${path}/report`)
    : runNow(client.lines<VerifyLine>("POST", `${path}/verify`), say);
}

function resultLine({ check, outcome }: CheckResult): string {
  return `${outcome.padEnd(14)}  ${check.role}: ${check.name}\n`;
}

/** Says each check as it is known: emulated machines take a minute for all of them. */
async function runNow(lines: AsyncIterable<VerifyLine>, say: (text: string) => void): Promise<Report> {
  for await (const line of lines) {
    if (line.kind === "report") return line.report;
    say(resultLine(line.result));
  }
  throw new Error("the server ended the checks without a report");
}
