/** `imagectl journal`: upgrades, installations, failures and what is open, to keep or to hand on. */
import { readLock } from "../images/find-lock.ts";
import { compareLocks, type PackageLock } from "../images/package-lock.ts";
import type { NodeEvent } from "../nodes/event.ts";
import { statePaths } from "../paths.ts";
import { parseDuration } from "../quantity.ts";
import type { NodeView } from "../serve/operator-types.ts";
import { openStore, type Store } from "../store/store.ts";
import { defineCommand, jsonOption } from "./command.ts";
import { firingAlerts } from "./firing-alerts.ts";
import { formatJournal, type JournalImage, makeJournal } from "./journal-page.ts";
import { type OperatorClient, operatorClient } from "./operator-client.ts";

export const command = defineCommand({
  summary: "write down what became of images and nodes, and what is open now, as Markdown",
  usage: "journal [--since AGE] [--json]",
  options: {
    since: { type: "string", valueName: "AGE", description: "How far back, such as 7d; default 30d." },
    ...jsonOption,
  },
  positionals: { min: 0, max: 0 },
  async run({ values }, io) {
    const now = new Date();
    const since = new Date(now.getTime() - parseDuration(values.since ?? "30d") * 1000);
    const client = operatorClient(io.env);
    const nodes = await client.get<readonly NodeView[]>("/nodes");
    const [events, images, alerts] = await Promise.all([
      allEvents(client, nodes),
      readImages(openStore(statePaths(io.env).store)),
      firingAlerts(),
    ]);
    const journal = makeJournal({ nodes, events, images, alerts, since, now });
    io.stdout.write(values.json === true ? `${JSON.stringify(journal, null, 2)}\n` : formatJournal(journal));
    return 0;
  },
});

async function allEvents(client: OperatorClient, nodes: readonly NodeView[]): Promise<readonly NodeEvent[]> {
  const known = nodes.filter(({ attempt }) => attempt !== undefined);
  const ofEach = await Promise.all(
    known.map(({ node }) =>
      client.get<readonly NodeEvent[]>(`/events?node=${encodeURIComponent(node)}&attempts=all`),
    ),
  );
  return ofEach.flat();
}

/** @returns each with what changed against the one before it that was asked for the same packages. */
async function readImages(store: Store): Promise<JournalImage[]> {
  const { images } = await store.list();
  const withLocks = await Promise.all(
    images.map(async (image) => ({ ...image, lock: await readLock(store, image.manifest) })),
  );
  const oldestFirst = withLocks.sort(
    (left, right) => Date.parse(left.manifest.createdAt) - Date.parse(right.manifest.createdAt),
  );
  const newest = new Map<string, PackageLock>();
  return oldestFirst.map(({ id, manifest: { os, kind, createdAt }, lock }) => {
    const request = lock === undefined ? undefined : `${kind} ${lock.request}`;
    const before = request === undefined ? undefined : newest.get(request);
    if (request !== undefined && lock !== undefined) newest.set(request, lock);
    const changes = before === undefined || lock === undefined ? undefined : compareLocks(before, lock);
    return { id, os, kind, createdAt, changes };
  });
}
