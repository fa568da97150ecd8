/** Facts -> one answer for each thing that was looked at, and the page that shows them. Pure. */
import { terminalText } from "../terminal-text.ts";
import { examineCluster } from "./examine-cluster.ts";
import { examineHost } from "./examine-host.ts";
import { examineNetwork } from "./examine-network.ts";
import type { Answer, Facts } from "./facts.ts";

export function examine({ host, cluster, network }: Facts): Answer[] {
  return [
    ...examineHost(host),
    ...examineCluster(cluster, host.clock.now),
    ...(network === undefined ? [] : examineNetwork(network, cluster.server)),
  ];
}

const words = { fine: "ok", warning: "WARNING", error: "PROBLEM" } as const;

/** @returns lines for people; safe for a terminal. */
export function formatAnswers(answers: readonly Answer[]): string {
  const width = Math.max(...answers.map(({ where }) => where.length));
  const count = (severity: Answer["severity"]) =>
    answers.filter((answer) => answer.severity === severity).length;
  const lines = answers.flatMap((answer) => [
    `${words[answer.severity].padEnd(8)} ${answer.where.padEnd(width)}  ${answer.message}`,
    ...(answer.severity === "fine" ? [] : [`         hint: ${answer.hint}`]),
  ]);
  const summary = `${count("error")} problems, ${count("warning")} warnings, ${count("fine")} fine`;
  return terminalText([...lines, summary, ""].join("\n"));
}
