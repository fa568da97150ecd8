/** `imagectl validate [FILE]`: every problem of the cluster file, the roles and the plans, with its place. */
import { type Finding, formatFinding } from "../errors.ts";
import { readPlanSources } from "../plan/inputs.ts";
import { formatCount } from "../quantity.ts";
import { findProblems } from "./check-cluster.ts";
import { defineCommand, jsonOption } from "./command.ts";
import { countErrors, summarizeFindings } from "./findings-summary.ts";
import { clusterFile } from "./plan-context.ts";

export const command = defineCommand({
  summary: "check a cluster file and its roles; every problem with file, line and hint",
  usage: "validate [FILE] [--json]",
  options: jsonOption,
  positionals: { min: 0, max: 1 },
  words: ["file"],
  async run({ values, positionals }, io) {
    const file = clusterFile(positionals[0], io.env);
    const { parsed, roles } = await readPlanSources(file);
    const { cluster } = parsed;
    const findings = findProblems(parsed, roles);
    const errors = countErrors(findings);
    if (values.json === true) {
      io.stdout.write(`${JSON.stringify({ file, isValid: errors === 0, findings }, null, 2)}\n`);
    } else {
      for (const finding of findings) io.stdout.write(`${formatFinding(finding)}\n`);
      const size =
        cluster === undefined
          ? ""
          : ` ${formatCount(cluster.nodes.length, "node")}, ${formatCount(cluster.users.length, "user")}:`;
      io.stdout.write(`${file}:${size} ${summarize(findings, cluster?.nodes.length)}\n`);
    }
    return errors === 0 ? 0 : 2;
  },
});

function summarize(findings: readonly Finding[], nodes: number | undefined): string {
  if (findings.length === 0 && nodes === 0) return "no problems, and no nodes yet: add them at its end";
  return summarizeFindings(findings);
}
