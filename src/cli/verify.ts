/** `imagectl verify NODE`: runs a node's acceptance checks now, from the node, the bastion and the outsider. */
import type { VerifyLine } from "../serve/operator-types.ts";
import { terminalText } from "../terminal-text.ts";
import type { Report } from "../verify/report.ts";
import { reportJson, reportJunit, reportTable } from "../verify/show-report.ts";
import { defineCommand, jsonOption } from "./command.ts";
import { operatorClient } from "./operator-client.ts";

export const command = defineCommand({
  summary: "run a node's acceptance checks and show the report (exit code 1: not ready)",
  usage: "verify NODE [--last] [--json | --junit]",
  options: {
    last: { type: "boolean", description: "Show the last report instead of running the checks." },
    junit: { type: "boolean", description: "Print the report as JUnit XML." },
    ...jsonOption,
  },
  positionals: { min: 1, max: 1 },
  words: ["nodes"],
  async run({ values, positionals }, io) {
    const client = operatorClient(io.env);
    const path = `/nodes/${encodeURIComponent(positionals[0] as string)}`;
    const report =
      values.last === true
        ? await client.get<Report>(`${path}/report`)
        : await runNow(client.lines<VerifyLine>("POST", `${path}/verify`), (text) => io.stderr.write(text));
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

/** Says each check as it is known: emulated machines take a minute for all of them. */
async function runNow(lines: AsyncIterable<VerifyLine>, say: (text: string) => void): Promise<Report> {
  for await (const line of lines) {
    if (line.kind === "report") return line.report;
    const { check, outcome } = line.result;
    say(`${outcome.padEnd(14)}  ${check.role}: ${check.name}\n`);
  }
  throw new Error("the server ended the checks without a report");
}
