/** What became of the cluster and what is open, for people: images, installations, failures and alerts as Markdown. */
import { describeEvent, hintFor } from "../nodes/describe.ts";
import type { NodeEvent } from "../nodes/event.ts";
import { formatCount, formatMinute } from "../quantity.ts";
import type { NodeView } from "../serve/operator-types.ts";
import { shortId } from "../store/findings.ts";
import { terminalLine } from "../terminal-text.ts";

export type JournalImage = {
  readonly id: string;
  readonly os: string;
  readonly kind: string;
  /** ISO 8601, UTC. */
  readonly createdAt: string;
  /** Against the image before it of the same request; undefined: there is none. */
  readonly changes: readonly string[] | undefined;
};

export type FiringAlert = {
  readonly name: string;
  readonly summary: string;
  readonly action: string;
  /** ISO 8601, UTC. */
  readonly since: string;
};

export type JournalInput = {
  readonly images: readonly JournalImage[];
  /** Of all nodes, in any order. */
  readonly events: readonly NodeEvent[];
  readonly nodes: readonly NodeView[];
  /** Undefined: nobody answers who would know. */
  readonly alerts: readonly FiringAlert[] | undefined;
  readonly since: Date;
  readonly now: Date;
};

export type JournalEntry = {
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly text: string;
  readonly details: readonly string[];
};

export type Journal = {
  readonly madeAt: string;
  readonly since: string;
  readonly open: readonly JournalEntry[];
  readonly areAlertsKnown: boolean;
  /** The newest first. */
  readonly entries: readonly JournalEntry[];
};

export function makeJournal({ images, events, nodes, alerts, since, now }: JournalInput): Journal {
  const systems = new Map(images.map(({ id, os }) => [id, os]));
  const byNode = Map.groupBy(events, ({ node }) => node);
  const entries = [
    ...images.map(entryOfImage),
    ...[...byNode.values()].flatMap((ofNode) => entriesOfNode(ofNode, systems)),
  ];
  return {
    madeAt: now.toISOString(),
    since: since.toISOString(),
    open: [...nodes.flatMap(openOfNode), ...(alerts ?? []).map(openOfAlert)],
    areAlertsKnown: alerts !== undefined,
    entries: entries
      .filter(({ at }) => Date.parse(at) >= since.getTime())
      .sort((left, right) => Date.parse(right.at) - Date.parse(left.at)),
  };
}

function entryOfImage({ id, os, kind, createdAt, changes }: JournalImage): JournalEntry {
  const what = `image ${shortId(id)} (${os}, ${kind}) was built`;
  if (changes === undefined)
    return { at: createdAt, text: `${what}, the first of its packages`, details: [] };
  const text =
    changes.length === 0
      ? `${what} of the same packages`
      : `${what}: ${formatCount(changes.length, "package")} changed`;
  return { at: createdAt, text, details: changes };
}

/** What a person would write down of a node: that it became ready, with which system, that it failed, that it is gone. */
function entriesOfNode(events: readonly NodeEvent[], systems: ReadonlyMap<string, string>): JournalEntry[] {
  const found: JournalEntry[] = [];
  let image = "";
  let readyWith: string | undefined;
  let isReady: boolean | undefined;
  const note = ({ at, node }: NodeEvent, text: string, details: readonly string[] = []): void => {
    found.push({ at, text: `${node} ${text}`, details });
  };
  for (const event of [...events].sort((left, right) => left.id - right.id)) {
    const { body, node } = event;
    switch (body.kind) {
      case "armed":
        if (body.purpose === undefined) image = body.imageId;
        break;
      case "verify-finished": {
        const system = `${systems.get(image) ?? "a system"} (image ${shortId(image)})`;
        if (body.isReady && readyWith !== image) {
          note(event, `is ready with ${system}: ${formatCount(body.green, "check")} green`);
          readyWith = image;
        } else if (body.isReady && isReady === false) note(event, "is ready again");
        else if (!body.isReady && isReady !== false)
          note(event, `is not ready: ${formatCount(body.red, "check")} red`);
        isReady = body.isReady;
        break;
      }
      case "attempt-failed":
        note(event, `failed: ${body.cause.message}`, [hintFor(node, body.cause)]);
        break;
      case "deploy-refused":
        note(
          event,
          "was refused",
          body.findings.map(({ message, hint }) => `${message}. ${hint}`),
        );
        break;
      case "retired":
      case "rescue-ready":
      case "server-failed":
        note(event, describeEvent(body));
        break;
      default:
    }
  }
  return found;
}

function openOfNode({ node, attempt }: NodeView): JournalEntry[] {
  const { cause, stage, since } = attempt?.state ?? {};
  // Whoever disarms or retires a node has seen to it.
  if (cause === undefined || since === undefined || stage === "disarmed" || stage === "retired") return [];
  return [{ at: since, text: `${node}: ${cause.message}`, details: [hintFor(node, cause)] }];
}

function openOfAlert({ name, summary, action, since }: FiringAlert): JournalEntry {
  return { at: since, text: `${name}: ${summary}`, details: [action] };
}

/** @returns Markdown. What nodes said is text in it, and no markup. */
export function formatJournal({ madeAt, since, open, areAlertsKnown, entries }: Journal): string {
  const byDay = [...Map.groupBy(entries, ({ at }) => at.slice(0, 10))];
  const silence = areAlertsKnown
    ? []
    : ["", "Which alerts fire is not known: no Prometheus answers on this machine."];
  return [
    "# Journal",
    "",
    `Made by imagectl on ${formatMinute(madeAt)}, from ${formatMinute(since)} on.`,
    "",
    "## Open",
    "",
    ...(open.length === 0
      ? ["Nothing that is known."]
      : open.flatMap((entry) => lines(entry, `since ${formatMinute(entry.at)}`))),
    ...silence,
    ...byDay.flatMap(([day, ofDay]) => [
      "",
      `## ${day}`,
      "",
      ...ofDay.flatMap((entry) => lines(entry, entry.at.slice(11, 16))),
    ]),
    ...(entries.length === 0 ? ["", "Nothing happened."] : []),
    "",
  ].join("\n");
}

function lines({ text, details }: JournalEntry, when: string): string[] {
  return [`- ${when}: ${markdown(text)}`, ...details.map((detail) => `  - ${markdown(detail)}`)];
}

function markdown(text: string): string {
  return terminalLine(text).replaceAll(/[\\`*_<>[\]|#]/g, "\\$&");
}
