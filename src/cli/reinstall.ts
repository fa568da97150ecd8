/** `imagectl reinstall`: running nodes are armed, restarted into the network boot, and followed until they are ready. */
import { ImagectlError } from "../errors.ts";
import { formatCount, parseDuration } from "../quantity.ts";
import type { ReinstallAnswer, ReinstallRequestBody } from "../serve/operator-types.ts";
import { terminalText } from "../terminal-text.ts";
import { type CommandIo, defineCommand, jsonLinesOption } from "./command.ts";
import { confirm, yesOption } from "./confirm.ts";
import { operatorClient } from "./operator-client.ts";
import { allOption, findTargets, requireSome, requireWords, targetWords, withoutBare } from "./targets.ts";
import { followNodes } from "./watch.ts";

/** A shutdown, a POST, a deploy and two more tries. */
const defaultDeadline = "2h";

export const command = defineCommand({
  summary: "install running nodes anew: restarts them, and follows them until they are ready",
  usage: "reinstall NODE|GROUP… | --all [--batch N] [--deadline TIME] [--yes] [--json]",
  options: {
    ...allOption,
    batch: {
      type: "string",
      valueName: "N",
      description: "So many at once; the next ones when all of them are ready. Default: 1.",
    },
    deadline: {
      type: "string",
      valueName: "TIME",
      description: `For each node, from its restart on: 90s, 30m, 2h, 1d. Default: ${defaultDeadline}.`,
    },
    ...yesOption,
    ...jsonLinesOption,
  },
  positionals: targetWords,
  words: ["targets"],
  async run({ values, positionals }, io) {
    const request = { words: positionals, isAll: values.all === true, command: "reinstall" };
    requireWords(request);
    const batch = parseBatch(values.batch ?? "1");
    const deadlineSeconds = parseDuration(values.deadline ?? defaultDeadline);
    const client = operatorClient(io.env);
    const reinstall = (nodes: readonly string[], isDryRun: boolean) => {
      const body: ReinstallRequestBody = { nodes, deadlineSeconds, isDryRun };
      return client.post<readonly ReinstallAnswer[]>("/reinstall", body);
    };

    const chosen = withoutBare(await findTargets(client, request), io);
    requireSome(chosen);
    const names = chosen.map(({ node }) => node);
    const planned = await reinstall(names, true);
    io.stderr.write(terminalText(formatPlanned(planned)));
    await confirm(io, values.yes === true, `Reinstall ${formatCount(planned.length, "node")}`);
    for (let start = 0; start < names.length; start += batch) {
      const nodes = names.slice(start, start + batch);
      const isReady = await reinstallBatch(await reinstall(nodes, false), io, values.json === true);
      if (isReady) continue;
      const untouched = names.slice(start + batch);
      if (untouched.length > 0) io.stderr.write(`imagectl: stopped; not touched: ${untouched.join(" ")}\n`);
      return 1;
    }
    return 0;
  },
});

function parseBatch(text: string): number {
  if (/^[1-9][0-9]{0,3}$/.test(text)) return Number(text);
  throw new ImagectlError("USAGE", `--batch takes a number from 1 on: ${text}`, {
    hint: "One after the other: --batch 1. All at once: a number that is large enough.",
  });
}

/** What happens to each node, before it is asked whether it may. */
export function formatPlanned(planned: readonly ReinstallAnswer[]): string {
  return planned
    .map(({ node, installed, image, disk, restart }) => {
      const before =
        installed === undefined ? "an unknown system" : `${installed.os} (image ${short(installed.imageId)})`;
      return [
        `${node}: ${before} is replaced by ${image.os} of ${image.createdAt} (image ${short(image.id)})\n`,
        `    restarts at once by ${restart}; whoever works there loses what is not saved\n`,
        `    overwritten: the system disk, ${JSON.stringify(disk)}; every other disk is kept as it is\n`,
      ].join("");
    })
    .join("");
}

/** @returns whether all of them are ready; Ctrl-C ends the watching, not the reinstall. */
async function reinstallBatch(
  answers: readonly ReinstallAnswer[],
  io: CommandIo,
  isJson: boolean,
): Promise<boolean> {
  const refused = answers.filter(({ problem }) => problem !== undefined);
  for (const { node, problem } of refused) {
    io.stderr.write(terminalText(`imagectl: ${node}: ${problem}; it is disarmed, its disk is as it was\n`));
  }
  const started = answers.filter(({ problem }) => problem === undefined).map(({ node }) => node);
  if (started.length === 0) return false;
  return (await followNodes(started, io, isJson)) && refused.length === 0;
}

function short(digest: string): string {
  return digest.slice(0, 12);
}
