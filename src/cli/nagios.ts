/**
 * The nodes as a Nagios plugin tells them: one line with numbers behind a bar, more lines for people, and an exit code.
 * Source: Monitoring Plugins Development Guidelines, "Plugin Output for Nagios", "Plugin Return Codes".
 */
import type { ImagectlError } from "../errors.ts";
import { hintFor } from "../nodes/describe.ts";
import type { NodeView } from "../serve/operator-types.ts";
import { terminalLine } from "../terminal-text.ts";

export type NagiosAnswer = { readonly text: string; readonly exitCode: number };

const states = ["OK", "WARNING", "CRITICAL", "UNKNOWN"] as const;
type State = (typeof states)[number];

/** Failed is critical; what is overdue, or went wrong and goes on, is a warning. */
export function nagiosOfNodes(nodes: readonly NodeView[]): NagiosAnswer {
  const troubled = nodes.flatMap(({ node, attempt }) => {
    const { cause, stage } = attempt?.state ?? {};
    // Whoever disarms a node has seen to it.
    return cause === undefined || stage === "disarmed" ? [] : [{ node, cause, stage }];
  });
  const failed = troubled.filter(({ stage }) => stage === "failed");
  const count = (wanted: (view: NodeView) => boolean): number => nodes.filter(wanted).length;
  const numbers = {
    nodes: nodes.length,
    ready: count(({ attempt }) => attempt?.state.stage === "ready"),
    working: count(({ attempt }) => attempt?.state.isLive === true),
    failed: failed.length,
  };
  const state = failed.length > 0 ? "CRITICAL" : troubled.length > 0 ? "WARNING" : "OK";
  const said =
    troubled.length === 0
      ? `${numbers.ready} of ${numbers.nodes} nodes ready, ${numbers.working} being installed`
      : troubled.map(({ node, cause }) => `${node}: ${cause.message}`).join("; ");
  return answer(state, said, {
    numbers,
    more: troubled.map(({ node, cause }) => `${node}: ${cause.message}. ${hintFor(node, cause)}`),
  });
}

/** A service that does not run is what the plugin is there to tell; anything else is the plugin's own trouble. */
export function nagiosOfError({ code, message, hint }: ImagectlError): NagiosAnswer {
  const state = code === "SERVER_NOT_RUNNING" ? "CRITICAL" : "UNKNOWN";
  return answer(state, message, { more: [hint] });
}

type Rest = {
  readonly numbers?: Readonly<Record<string, number>>;
  readonly more: readonly string[];
};

function answer(state: State, said: string, { numbers, more }: Rest): NagiosAnswer {
  const data =
    numbers === undefined ? [] : Object.entries(numbers).map(([name, value]) => `${name}=${value}`);
  const bar = data.length === 0 ? "" : ` | ${data.join(" ")}`;
  const lines = [`IMAGECTL ${state} - ${plain(said)}${bar}`, ...more.map(plain)];
  return { text: `${lines.join("\n")}\n`, exitCode: states.indexOf(state) };
}

/** Behind a bar stand numbers. */
function plain(text: string): string {
  return terminalLine(text).replaceAll("|", "/");
}
