/** `imagectl rescue`: the next network boot brings the deploy environment up with an sshd, and writes to no disk. */
import { dirname, join } from "node:path";
import { keyPaths } from "../keys.ts";
import { statePaths } from "../paths.ts";
import { formatCount, parseDuration } from "../quantity.ts";
import type { RescueAnswer, RescueRequestBody } from "../serve/operator-types.ts";
import { shellLine } from "../shell.ts";
import { terminalText } from "../terminal-text.ts";
import { type CommandIo, defineCommand } from "./command.ts";
import { confirm, yesOption } from "./confirm.ts";
import { operatorClient } from "./operator-client.ts";
import { findTargets, targetWords } from "./targets.ts";
import { followNodes } from "./watch.ts";

/** Long enough to look for what is broken. */
const defaultDeadline = "4h";

export const command = defineCommand({
  summary:
    "start nodes in RAM with an sshd for the bastion, writing to no disk: to look at what no longer boots",
  usage: "rescue NODE|GROUP… [--now] [--deadline TIME] [--yes] [--json]",
  options: {
    now: {
      type: "boolean",
      description: "Restart the running systems, instead of waiting for a power cycle.",
    },
    deadline: {
      type: "string",
      valueName: "TIME",
      description: `After it, or after imagectl disarm, a start is from the node's own disk again: 90s, 30m, 2h, 1d. Default: ${defaultDeadline}.`,
    },
    ...yesOption,
    json: {
      type: "boolean",
      description: "Print one JSON document instead of text; with --now one per line.",
    },
  },
  positionals: { ...targetWords, min: 1 },
  words: ["targets"],
  async run({ values, positionals }, io) {
    const deadlineSeconds = parseDuration(values.deadline ?? defaultDeadline);
    const client = operatorClient(io.env);
    const { nodes } = await findTargets(client, { words: positionals, isAll: false, command: "rescue" });
    const names = nodes.map(({ node }) => node);
    const isNow = values.now === true;
    if (isNow) {
      io.stderr.write(`${names.join(" ")}: restarts at once; whoever works there loses what is not saved\n`);
      await confirm(
        io,
        values.yes === true,
        `Restart ${formatCount(names.length, "node")} into the rescue system`,
      );
    }
    const body: RescueRequestBody = { nodes: names, deadlineSeconds, isNow };
    const answers = await client.post<readonly RescueAnswer[]>("/rescue", body);
    const isJson = values.json === true;
    if (isJson && !isNow) io.stdout.write(`${JSON.stringify(answers, null, 2)}\n`);
    return isNow ? followRescued(answers, io, isJson) : sayNext(answers, io, isJson);
  },
});

function sayNext(answers: readonly RescueAnswer[], io: CommandIo, isJson: boolean): number {
  if (isJson) return 0;
  const names = answers.map(({ node }) => node).join(" ");
  io.stdout.write(
    [
      ...answers.map(({ node, attempt }) => `${node}  rescue until ${attempt.state.deadline}\n`),
      `Switch ${answers.length === 1 ? "it" : "them"} off and on, then: imagectl watch ${names}\n`,
      ...answers.map((answer) => loginLine(io, answer)),
    ].join(""),
  );
  return 0;
}

async function followRescued(
  answers: readonly RescueAnswer[],
  io: CommandIo,
  isJson: boolean,
): Promise<number> {
  for (const { node, problem } of answers) {
    if (problem === undefined) continue;
    io.stderr.write(terminalText(`imagectl: ${node}: ${problem}; it goes on as before\n`));
  }
  const started = answers.filter(({ problem }) => problem === undefined);
  if (started.length === 0) return 1;
  const isThere = await followNodes(
    started.map(({ node }) => node),
    io,
    isJson,
  );
  if (!isJson) io.stdout.write(started.map((answer) => loginLine(io, answer)).join(""));
  return isThere && started.length === answers.length ? 0 : 1;
}

/** With the key of the bastion's agent, and checked against the cluster's host CA: ssh asks nobody. */
function loginLine({ env }: CommandIo, { node, attempt }: RescueAnswer): string {
  const paths = statePaths(env);
  const options = {
    UserKnownHostsFile: join(dirname(paths.operatorSocket), "known_hosts"),
    HostKeyAlias: node,
    IdentitiesOnly: "yes",
  };
  const words = Object.entries(options).flatMap(([name, value]) => ["-o", `${name}=${value}`]);
  const identity = keyPaths(paths.keys).agent.privateKey;
  return `log in: ${shellLine(["ssh", "-i", identity, ...words, `root@${attempt.address}`])}\ndone:   imagectl disarm ${node}, and reboot it\n`;
}
