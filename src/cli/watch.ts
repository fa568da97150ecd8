/** `imagectl watch`: follows nodes until they are ready, on a terminal as one live line each. */
import { setInterval } from "node:timers";
import { setTimeout as sleep } from "node:timers/promises";
import { ImagectlError } from "../errors.ts";
import type { TargetList, WatchLine } from "../serve/operator-types.ts";
import { type CommandIo, defineCommand, jsonLinesOption } from "./command.ts";
import { type OperatorClient, operatorClient } from "./operator-client.ts";
import { findTargets, targetWords } from "./targets.ts";
import { closingLines, follow, verdictOf, type Watched, watchLine } from "./watch-view.ts";

export const command = defineCommand({
  summary: "follow nodes until they are ready (exit code 0) or failed (1)",
  usage: "watch [NODE|GROUP…] [--json]",
  options: jsonLinesOption,
  positionals: targetWords,
  words: ["targets"],
  async run({ values, positionals }, io) {
    const names = await namesOf(operatorClient(io.env), positionals);
    const isReady = await followNodes(names, io, values.json === true);
    return isReady ? 0 : 1;
  },
});

/** @returns no names for no words: everything is watched, for ever. Of a group, those that were ever armed. */
async function namesOf(client: OperatorClient, words: readonly string[]): Promise<readonly string[]> {
  if (words.length === 0) return [];
  const { nodes, named } = await findTargets(client, { words, isAll: false, command: "watch" });
  const armed = nodes.filter(({ node, attempt }) => named.has(node) || attempt !== undefined);
  return (armed.length === 0 ? nodes : armed).map(({ node }) => node);
}

/**
 * Shows nodes until none of them is on its way any more.
 * @param names empty: every node, for ever.
 * @returns whether all of them got where they were to go.
 */
export async function followNodes(
  names: readonly string[],
  io: CommandIo,
  isJson: boolean,
): Promise<boolean> {
  const screen = isJson ? jsonScreen(io) : io.isTty ? liveScreen(io) : plainScreen(io);
  const watched = new Map<string, Watched>();
  try {
    for await (const line of linesAcrossRestarts(operatorClient(io.env), names, io)) {
      const { node } = line.attempt;
      const before = watched.get(node);
      watched.set(node, follow(before, line));
      screen.show(watched, line, before);
      const verdict = names.length === 0 ? "under-way" : verdictOf(names, watched);
      if (verdict === "under-way") continue;
      if (!isJson) io.stderr.write(closingLines([...watched.values()]));
      return verdict === "ready";
    }
  } finally {
    screen.close();
  }
  return false;
}

/** How long a server that went away may take to come back. Seconds. Our choice: a restart takes five. */
const patienceSeconds = 60;

/** A restart of the server loses nothing, so it must not end a watch either: the new one says how things stand. */
async function* linesAcrossRestarts(
  client: OperatorClient,
  names: readonly string[],
  io: CommandIo,
): AsyncGenerator<WatchLine> {
  const query = names.map((name) => `node=${encodeURIComponent(name)}`).join("&");
  // Nodes that were never armed are refused once, here; the stream would be silent about them for ever.
  for (const name of names) await client.get(`/events?node=${encodeURIComponent(name)}&attempts=latest`);
  if (names.length === 0) await sayIfNoneIsArmed(client, io);
  let lostSince: number | undefined;
  for (;;) {
    try {
      for await (const line of client.lines<WatchLine>("GET", `/watch?${query}`)) {
        lostSince = undefined;
        yield line;
      }
    } catch (error) {
      if (!isLost(error)) throw error;
      const nowMs = performance.now();
      if (lostSince !== undefined && nowMs - lostSince > patienceSeconds * 1000) throw error;
    }
    if (lostSince === undefined)
      io.stderr.write("imagectl: the server went away, waiting for it to come back\n");
    lostSince ??= performance.now();
    await sleep(1_000);
  }
}

/** Whoever watches all would look at an empty screen. @throws ImagectlError SERVER_NOT_RUNNING at once. */
async function sayIfNoneIsArmed(client: OperatorClient, io: CommandIo): Promise<void> {
  const { nodes } = await client.get<TargetList>("/targets");
  if (nodes.some(({ attempt }) => attempt !== undefined)) return;
  io.stderr.write("no node was armed yet; each appears here when it is: sudo imagectl arm NODE\n");
}

function isLost(error: unknown): boolean {
  if (!(error instanceof ImagectlError)) return false;
  return error.code === "SERVER_NOT_RUNNING" || error.code === "SERVER_ANSWER_MALFORMED";
}

type Screen = {
  show(watched: ReadonlyMap<string, Watched>, line: WatchLine, before: Watched | undefined): void;
  close(): void;
};

function jsonScreen(io: CommandIo): Screen {
  return {
    show: (_watched, line) => void io.stdout.write(`${JSON.stringify(line)}\n`),
    close: () => {},
  };
}

/** For a log: a line per change, and of a long step one every ten seconds. */
const progressEveryMs = 10_000;

function plainScreen(io: CommandIo): Screen {
  const progressAt = new Map<string, number>();
  return {
    show: (watched, { attempt, event }, before) => {
      const now = new Date();
      const isProgress = event?.body.kind === "step-progress";
      if (isProgress && now.getTime() - (progressAt.get(attempt.node) ?? 0) < progressEveryMs) return;
      if (isProgress) progressAt.set(attempt.node, now.getTime());
      const current = watched.get(attempt.node) as Watched;
      if (!isProgress && isSame(before, current)) return;
      io.stdout.write(`${watchLine(current, now, Number.POSITIVE_INFINITY)}\n`);
    },
    close: () => {},
  };
}

function isSame(before: Watched | undefined, current: Watched): boolean {
  return before?.message === current.message && before.attempt.state.stage === current.attempt.state.stage;
}

/** Elapsed times go on between events. Milliseconds. */
const redrawMs = 500;

/** ECMA-48: cursor up, erase to the end of the screen. */
const up = (lines: number): string => (lines === 0 ? "" : `\u001b[${lines}A`);
const eraseBelow = "\u001b[J";

function liveScreen(io: CommandIo): Screen {
  let drawn = 0;
  let shown: ReadonlyMap<string, Watched> = new Map();
  const draw = (): void => {
    const columns = process.stdout.columns ?? 80;
    const nodes = [...shown.values()].sort((left, right) =>
      left.attempt.node < right.attempt.node ? -1 : 1,
    );
    const lines = nodes.map((node) => `${watchLine(node, new Date(), columns - 1)}\n`);
    io.stdout.write(`${up(drawn)}\r${eraseBelow}${lines.join("")}`);
    drawn = lines.length;
  };
  const timer = setInterval(draw, redrawMs);
  return {
    show: (watched) => {
      shown = watched;
      draw();
    },
    close: () => clearInterval(timer),
  };
}
