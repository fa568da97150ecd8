/** `imagectl report NODE`: the last report of a node, for a terminal, for a program, or as a page to print. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describeError, ImagectlError } from "../errors.ts";
import type { NodeEvent } from "../nodes/event.ts";
import { timeline } from "../nodes/timeline.ts";
import { packageRoot } from "../paths.ts";
import { formatBytes, formatSeconds } from "../quantity.ts";
import type { NodeView } from "../serve/operator-types.ts";
import type { Report } from "../verify/report.ts";
import { reportPage } from "../verify/report-page.ts";
import { defineCommand, jsonOption } from "./command.ts";
import { type OperatorClient, operatorClient } from "./operator-client.ts";
import { formOf, showReport } from "./report-form.ts";

export const command = defineCommand({
  summary: "show the last report of a node; with --html as a page to print",
  usage: "report NODE [--html | --junit | --json] [--out FILE]",
  options: {
    html: { type: "boolean", description: "One HTML page: what was checked, from where, expected, found." },
    junit: { type: "boolean", description: "JUnit XML, as CI servers read it." },
    out: { type: "string", valueName: "FILE", description: "Write to this file instead of the terminal." },
    ...jsonOption,
  },
  positionals: { min: 1, max: 1 },
  words: ["nodes"],
  async run({ values, positionals }, io) {
    const form = formOf(values, ["html", "junit", "json"]);
    const node = positionals[0] as string;
    if (form === "html" && values.out === undefined && io.isTty) {
      throw new ImagectlError("USAGE", "a page is nothing to read on a terminal", {
        hint: `Write it to a file: imagectl report ${node} --html --out ${node}.html`,
      });
    }
    const client = operatorClient(io.env);
    const report = await client.get<Report>(`/nodes/${encodeURIComponent(node)}/report`);
    const text = form === "html" ? await makePage(client, report, new Date()) : showReport(report, form);
    if (values.out === undefined) io.stdout.write(text);
    else {
      await writeWhole(values.out, text);
      io.stderr.write(`${values.out} is written\n`);
    }
    return 0;
  },
});

async function makePage(client: OperatorClient, report: Report, now: Date): Promise<string> {
  const [nodes, events, template] = await Promise.all([
    client.get<readonly NodeView[]>("/nodes"),
    client.get<readonly NodeEvent[]>(`/events?node=${encodeURIComponent(report.node)}&attempts=latest`),
    readFile(join(packageRoot, "templates/report/report.html.hbs"), "utf8"),
  ]);
  const view = nodes.find(({ node }) => node === report.node);
  return reportPage({ report, facts: pageFacts(view, events), template, printedAt: now.toISOString() });
}

/** What identifies the machine and what it was installed with, and how long that took. */
export function pageFacts(
  view: NodeView | undefined,
  events: readonly NodeEvent[],
): { name: string; value: string }[] {
  const attempt = view?.attempt;
  const inventory = events
    .map(({ body }) => (body.kind === "inventory-received" ? body.inventory : undefined))
    .findLast((each) => each !== undefined);
  const { bootToReadySeconds } = timeline(events);
  const facts: readonly (readonly [string, string | undefined])[] = [
    ["address", view?.address],
    ["group", view?.group],
    ["machine", inventory?.product],
    ["serial number", inventory?.serial],
    ["firmware", inventory?.firmware],
    ["processors", inventory && String(inventory.cpus)],
    ["memory", inventory && `${inventory.memoryMiB} MiB`],
    [
      "disks",
      inventory?.disks.map(({ path, bytes, model }) => `${path} ${formatBytes(bytes)} ${model}`).join(", "),
    ],
    ["network cards", inventory?.nics.map(({ name, mac }) => `${name} ${mac}`).join(", ")],
    ["image", attempt?.imageId],
    ["plan", attempt?.planSha256],
    ["cluster file", attempt?.revision],
    ["armed", attempt?.armedAt],
    ["boot to ready", bootToReadySeconds === undefined ? undefined : formatSeconds(bootToReadySeconds)],
  ];
  return facts.flatMap(([name, value]) => (value === undefined || value === "" ? [] : [{ name, value }]));
}

async function writeWhole(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text);
  } catch (cause) {
    throw new ImagectlError("OUTPUT_NOT_WRITTEN", `the report was not written: ${describeError(cause)}`, {
      hint: "Name a file in a folder that exists and that you may write to: --out FILE",
      cause,
    });
  }
}
