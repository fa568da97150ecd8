/** `imagectl events NODE`: what happened to a node, and with --timeline where the time went. */
import { describeEvent, hintFor } from "../nodes/describe.ts";
import { overdueCause } from "../nodes/diagnose.ts";
import type { EventBody, NodeEvent } from "../nodes/event.ts";
import { type Timeline, timeline } from "../nodes/timeline.ts";
import { formatSeconds } from "../quantity.ts";
import { terminalText } from "../terminal-text.ts";
import { defineCommand, jsonOption } from "./command.ts";
import { operatorClient } from "./operator-client.ts";
import { formatTable } from "./table.ts";

export const command = defineCommand({
  summary: "show what happened to a node in its newest attempt",
  usage: "events NODE [--all | --timeline] [--json]",
  options: {
    all: { type: "boolean", description: "Of all its attempts, not only the newest." },
    timeline: { type: "boolean", description: "Seconds per stage and per deploy step instead." },
    ...jsonOption,
  },
  positionals: { min: 1, max: 1 },
  words: ["nodes"],
  async run({ values, positionals }, io) {
    const node = encodeURIComponent(positionals[0] as string);
    const isAll = values.all === true && values.timeline !== true;
    const path = `/events?node=${node}&attempts=${isAll ? "all" : "latest"}`;
    const events = await operatorClient(io.env).get<readonly NodeEvent[]>(path);
    const answer = values.timeline === true ? timeline(events) : events;
    io.stdout.write(
      values.json === true
        ? `${JSON.stringify(answer, null, 2)}\n`
        : values.timeline === true
          ? formatTimeline(timeline(events))
          : formatEvents(events),
    );
    return 0;
  },
});

/** Of a run of progress reports the last one is shown; of a failure all that the node sent. */
export function formatEvents(events: readonly NodeEvent[]): string {
  const shown = events.filter(
    ({ body }, index) => body.kind !== "step-progress" || events[index + 1]?.body.kind !== "step-progress",
  );
  return shown
    .map(({ at, node, attempt, body }) => `${at}  ${attempt}  ${describeEvent(body)}\n${details(node, body)}`)
    .join("");
}

function details(node: string, body: EventBody): string {
  switch (body.kind) {
    case "step-failed":
      return indented(terminalText(body.logTail));
    case "deploy-refused":
      return indented(body.findings.map(({ message, hint }) => `${message}\n  hint: ${hint}`).join("\n"));
    case "attempt-failed":
      return indented(`hint: ${hintFor(node, body.cause)}`);
    case "stage-overdue":
      return indented(`hint: ${hintFor(node, overdueCause(body, body.seconds))}`);
    default:
      return "";
  }
}

function indented(text: string): string {
  return text
    .trimEnd()
    .split("\n")
    .map((line) => `    ${line}\n`)
    .join("");
}

export function formatTimeline({ stages, steps, silences, bootToReadySeconds }: Timeline): string {
  const stageRows = stages.map(({ stage, seconds }) => [
    stage,
    seconds === undefined ? "" : formatSeconds(seconds),
  ]);
  const stepRows = steps.map(({ index, step, seconds }) => [`  ${index} ${step}`, formatSeconds(seconds)]);
  const at = stages.findLastIndex(({ stage }) => stage === "deploying");
  const rows = [...stageRows.slice(0, at + 1), ...(at < 0 ? [] : stepRows), ...stageRows.slice(at + 1)];
  const total =
    bootToReadySeconds === undefined
      ? ""
      : `from the first boot request to ready: ${formatSeconds(bootToReadySeconds)}\n`;
  const quiet = silences.map(({ stage, step, startedAt, seconds }) => {
    const where = step === undefined ? stage : `${stage}, ${step}`;
    return `nothing was heard for ${formatSeconds(seconds)} from ${startedAt} (${where})\n`;
  });
  return `${formatTable(rows)}${quiet.join("")}${total}`;
}
