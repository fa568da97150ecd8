/** `imagectl gpus`: which GPUs are free now, and who has the others. For everybody with an account on the bastion. */
import { type Board, type BoardNode, countGpus } from "../board/board.ts";
import type { Gpu } from "../board/node-gpus.ts";
import { describeAge, describeUse, describeWork, headlineOf } from "../board/page.ts";
import { describeError, ImagectlError } from "../errors.ts";
import { hintForName } from "../nearest.ts";
import { boardAddress, servicePorts } from "../ports.ts";
import { terminalLine } from "../terminal-text.ts";
import { defineCommand, jsonOption } from "./command.ts";
import { formatTable } from "./table.ts";

/** The server waits 3 s for nodes that do not answer. Milliseconds. */
const timeoutMs = 15_000;

export const command = defineCommand({
  summary: "show which GPUs are free now, and who uses the others; needs no root",
  usage: "gpus [NODE|GROUP…] [--free] [--json]",
  options: {
    free: { type: "boolean", description: "Only those that are free." },
    ...jsonOption,
  },
  positionals: { min: 0, max: 1_000 },
  words: ["targets"],
  async run({ values, positionals }, io) {
    const board = selectFromBoard(await askBoard(), positionals, values.free === true);
    io.stdout.write(values.json === true ? `${JSON.stringify(board, null, 2)}\n` : formatBoard(board));
    return 0;
  },
});

/** @throws ImagectlError SERVER_NOT_RUNNING, SERVER_ANSWER_MALFORMED. */
async function askBoard(): Promise<Board> {
  const url = `http://${boardAddress}:${servicePorts.board}/gpus.json`;
  let response: Response;
  try {
    response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) });
  } catch (cause) {
    throw new ImagectlError(
      "SERVER_NOT_RUNNING",
      `imagectl serve is not running here: ${url} does not answer`,
      {
        hint: "Run it on the bastion. Does the service run there? systemctl status imagectl",
        cause,
      },
    );
  }
  try {
    const board = (await response.json()) as Board;
    if (response.ok && Array.isArray(board.nodes)) return board;
    throw new Error(`it answers with ${response.status}`);
  } catch (cause) {
    throw new ImagectlError("SERVER_ANSWER_MALFORMED", `${url} gave no board: ${describeError(cause)}`, {
      hint: `Which program has that port? ss -ltnp 'sport = :${servicePorts.board}'`,
      cause,
    });
  }
}

/**
 * @param words nodes and groups; none means all.
 * @throws ImagectlError NODE_UNKNOWN for a name of which the board shows nothing.
 */
export function selectFromBoard(board: Board, words: readonly string[], onlyFree: boolean): Board {
  const known = [...new Set(board.nodes.flatMap(({ node, group }) => [node, group])), ...board.without];
  const stranger = words.find((word) => !known.includes(word));
  if (stranger !== undefined) {
    throw new ImagectlError("NODE_UNKNOWN", `the board has no node or group ${stranger}`, {
      hint: hintForName(stranger, known),
    });
  }
  const isWanted = ({ node, group }: BoardNode): boolean =>
    words.length === 0 || words.includes(node) || words.includes(group);
  const nodes = board.nodes.filter(isWanted);
  const isFree = ({ state }: Gpu): boolean => state === "free";
  return {
    ...board,
    ...countGpus(nodes),
    nodes: onlyFree
      ? nodes.flatMap((node) => {
          const gpus = node.gpus.filter(isFree);
          return gpus.length === 0 ? [] : [{ ...node, gpus }];
        })
      : nodes,
    without: words.length === 0 ? board.without : board.without.filter((node) => words.includes(node)),
  };
}

/** What nodes say of themselves and their users must not steer the terminal. */
export function formatBoard(board: Board): string {
  const rows = board.nodes.flatMap((node) => node.gpus.flatMap((gpu) => gpuRows(node, gpu, board.madeAt)));
  const table =
    rows.length === 0 ? "" : `${formatTable([["NODE", "GPU", "STATE", "MODEL", "USE", "WHO"], ...rows])}\n`;
  const notes = board.nodes
    .filter(({ why }) => why !== "")
    .map(({ node, why }) => `${node} ${terminalLine(why)}\n`);
  const without = board.without.length === 0 ? "" : `Without a word of GPUs: ${board.without.join(", ")}\n`;
  return `${table}${notes.join("")}${without}${headlineOf(board)}\n`;
}

/** One row for each user; the card itself is named in the first. */
function gpuRows({ node }: BoardNode, gpu: Gpu, madeAt: string): string[][] {
  const { index, model, state, why, users } = gpu;
  const who = users.map((user) =>
    [`${user.user}:`, describeWork(user), describeAge(user, madeAt)].filter((part) => part !== "").join(" "),
  );
  const notes = [...(why === "" ? [] : [why]), ...who];
  const first = [node, index === "" ? "-" : index, state, model, describeUse(gpu), notes[0] ?? ""];
  const others = notes.slice(1).map((note) => ["", "", "", "", "", note]);
  return [first, ...others].map((row) => row.map(terminalLine));
}
