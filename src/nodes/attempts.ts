/** Attempts and their events in the database: one transaction appends an event and stores the state it leads to. */
import { canonicalJson } from "../digest.ts";
import { ImagectlError } from "../errors.ts";
import { type NodePlan, planDigest } from "../plan/plan.ts";
import type { Database, Row } from "./database.ts";
import type { AttemptState, EventBody, NodeEvent } from "./event.ts";
import { reduce } from "./reduce.ts";

export type Attempt = {
  readonly id: number;
  readonly node: string;
  /** The address that the frozen plan gives to the node. */
  readonly address: string;
  /** ISO 8601, UTC. */
  readonly armedAt: string;
  readonly planSha256: string;
  readonly imageId: string;
  /** Git revision of the cluster file when it was armed. */
  readonly revision: string;
  readonly state: AttemptState;
};

export type ArmRequest = {
  readonly plan: NodePlan;
  readonly imageId: string;
  readonly revision: string;
  readonly now: Date;
  /** Until when its disk may be overwritten. */
  readonly deadline: Date;
  /** Absent: a deploy. */
  readonly purpose?: "rescue";
};

/** An event that is on the disk, with the attempt as it is after it. */
export type Appended = { readonly event: NodeEvent; readonly attempt: Attempt };

export type EventQuery = {
  readonly node?: string;
  readonly attempt?: number;
  /** Only events with a greater id. */
  readonly afterId?: number;
  readonly limit?: number;
};

export type Attempts = {
  /** Freezes a plan. @throws ImagectlError NODE_ALREADY_ARMED when the node has a live attempt. */
  arm(request: ArmRequest): Attempt;
  /** Appends an event and the state that it leads to, both or neither. */
  append(attemptId: number, body: EventBody, now: Date): Appended;
  get(attemptId: number): Attempt | undefined;
  /** The newest attempt of the node, over or not. */
  latest(node: string): Attempt | undefined;
  /** The attempt that wrote the system on the node's disk; undefined when the last one to write did not end well. */
  installed(node: string): Attempt | undefined;
  /** What the node is doing, or else what it is: its live or failed attempt, the installed one, the newest one. */
  current(node: string): Attempt | undefined;
  /** The newest attempt of each node that ever had one, by node name. */
  latestOfAll(): readonly Attempt[];
  live(): readonly Attempt[];
  /** The plan as it was armed. @throws ImagectlError DATABASE_UNUSABLE when its digest does not fit. */
  frozenPlan(attemptId: number): NodePlan;
  /** In ascending order of their ids. */
  events(query: EventQuery): readonly NodeEvent[];
  /** The newest event of an attempt; every attempt has one, since arming is one. */
  lastEvent(attemptId: number): NodeEvent | undefined;
  /** @param report any JSON value; kept beside earlier ones of the attempt. */
  saveReport(attemptId: number, report: unknown, now: Date): void;
  latestReport(attemptId: number): unknown;
  /** Called after each commit, in order. @returns a function that ends it. */
  subscribe(listener: (appended: Appended) => void): () => void;
};

const columns = "id, node, address, armed_at, plan_sha256, image_id, revision, state";

export function openAttempts(database: Database): Attempts {
  const listeners = new Set<(appended: Appended) => void>();
  const one = (sql: string, ...values: (string | number)[]): Attempt | undefined =>
    database.rows(`SELECT ${columns} FROM attempts ${sql}`, ...values).map(toAttempt)[0];
  const many = (sql: string): readonly Attempt[] =>
    database.rows(`SELECT ${columns} FROM attempts ${sql}`).map(toAttempt);

  const publish = (appended: Appended): Appended => {
    database.afterCommit(() => {
      for (const listener of listeners) listener(appended);
    });
    return appended;
  };

  const latest = (node: string): Attempt | undefined => one("WHERE node = ? ORDER BY id DESC LIMIT 1", node);
  const installed = (node: string): Attempt | undefined => {
    // The first that wrote to the disk, looking backwards, is what the disk holds.
    const last = one(`WHERE node = ? AND ${hasWritten} ORDER BY id DESC LIMIT 1`, node);
    return last?.state.isDeployed === true && last.state.stage !== "retired" ? last : undefined;
  };
  const current = (node: string): Attempt | undefined => {
    const newest = latest(node);
    // A failure is what the operator has to see, also where the old system still runs.
    const isNews = newest?.state.isLive === true || newest?.state.stage === "failed";
    return isNews ? newest : (installed(node) ?? newest);
  };

  return {
    arm: (request) => publish(database.transaction(() => insertAttempt(database, request))).attempt,
    append: (attemptId, body, now) =>
      publish(database.transaction(() => appendEvent(database, attemptId, body, now))),
    get: (attemptId) => one("WHERE id = ?", attemptId),
    latest,
    installed,
    current,
    latestOfAll: () => many("WHERE id IN (SELECT max(id) FROM attempts GROUP BY node) ORDER BY node"),
    live: () => many("WHERE is_live = 1 ORDER BY id"),
    frozenPlan: (attemptId) => readPlan(database, attemptId),
    events: (query) => readEvents(database, query),
    lastEvent: (attemptId) =>
      database
        .rows(`${selectEvents} WHERE events.attempt = ? ORDER BY events.id DESC LIMIT 1`, attemptId)
        .map(toEvent)[0],
    saveReport: (attemptId, report, now) => {
      database.change(
        "INSERT INTO reports (attempt, at, report) VALUES (?, ?, ?)",
        attemptId,
        now.toISOString(),
        JSON.stringify(report),
      );
    },
    latestReport: (attemptId) => {
      const [row] = database.rows(
        "SELECT report FROM reports WHERE attempt = ? ORDER BY id DESC LIMIT 1",
        attemptId,
      );
      return row === undefined ? undefined : JSON.parse(String(row.report));
    },
    subscribe: (listener) => {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
  };
}

/** A rescue's steps write to no disk. */
const hasWritten = `state ->> 'purpose' IS NULL AND EXISTS
  (SELECT 1 FROM events WHERE events.attempt = attempts.id AND events.body ->> 'kind' IN ('step-started', 'deployed'))`;

function insertAttempt(database: Database, request: ArmRequest): Appended {
  const { plan, imageId, revision, now, deadline, purpose } = request;
  const node = plan.node.hostname;
  const [live] = database.rows("SELECT id, state FROM attempts WHERE node = ? AND is_live = 1", node);
  if (live !== undefined) {
    const { stage } = JSON.parse(String(live.state)) as AttemptState;
    throw new ImagectlError("NODE_ALREADY_ARMED", `${node} is already armed (attempt ${live.id}, ${stage})`, {
      hint: `Follow it with: imagectl watch ${node}. Give it up with: imagectl disarm ${node}`,
    });
  }
  const planSha256 = planDigest(plan);
  const body: EventBody = {
    ...{ kind: "armed", planSha256, imageId, deadline: deadline.toISOString(), revision },
    ...(purpose === undefined ? {} : { purpose }),
  };
  const { rowId } = database.change(
    `INSERT INTO attempts (node, address, armed_at, plan, plan_sha256, image_id, revision, state, is_live)
     VALUES (?, ?, ?, ?, ?, ?, ?, '', 0)`,
    node,
    plan.node.address,
    now.toISOString(),
    canonicalJson(plan),
    planSha256,
    imageId,
    revision,
  );
  return appendEvent(database, rowId, body, now);
}

function appendEvent(database: Database, attemptId: number, body: EventBody, now: Date): Appended {
  const [row] = database.rows(`SELECT ${columns} FROM attempts WHERE id = ?`, attemptId);
  if (row === undefined) throw new Error(`there is no attempt ${attemptId}`);
  const at = now.toISOString();
  const text = JSON.stringify(body);
  const { rowId } = database.change(
    "INSERT INTO events (attempt, at, body) VALUES (?, ?, ?)",
    attemptId,
    at,
    text,
  );
  // What is reduced is what a replay will read: through JSON and back.
  const event = {
    id: rowId,
    attempt: attemptId,
    node: String(row.node),
    at,
    body: JSON.parse(text),
  } as NodeEvent;
  const state = reduce(row.state === "" ? undefined : (JSON.parse(String(row.state)) as AttemptState), event);
  database.change(
    "UPDATE attempts SET state = ?, is_live = ? WHERE id = ?",
    JSON.stringify(state),
    state.isLive ? 1 : 0,
    attemptId,
  );
  return { event, attempt: toAttempt({ ...row, state: JSON.stringify(state) }) };
}

const selectEvents = `SELECT events.id, events.attempt, attempts.node, events.at, events.body
  FROM events JOIN attempts ON attempts.id = events.attempt`;

function readEvents(database: Database, query: EventQuery): readonly NodeEvent[] {
  const conditions = ["events.id > ?"];
  const values: (string | number)[] = [query.afterId ?? 0];
  if (query.node !== undefined) {
    conditions.push("attempts.node = ?");
    values.push(query.node);
  }
  if (query.attempt !== undefined) {
    conditions.push("events.attempt = ?");
    values.push(query.attempt);
  }
  const rows = database.rows(
    `${selectEvents} WHERE ${conditions.join(" AND ")} ORDER BY events.id LIMIT ?`,
    ...values,
    query.limit ?? -1,
  );
  return rows.map(toEvent);
}

function readPlan(database: Database, attemptId: number): NodePlan {
  const [row] = database.rows("SELECT plan, plan_sha256 FROM attempts WHERE id = ?", attemptId);
  const plan = row === undefined ? undefined : (JSON.parse(String(row.plan)) as NodePlan);
  if (plan === undefined || planDigest(plan) !== row?.plan_sha256) {
    throw new ImagectlError(
      "DATABASE_UNUSABLE",
      `the plan of attempt ${attemptId} is missing or was changed`,
      {
        hint: "Disarm the node and arm it again: imagectl disarm NODE && imagectl arm NODE",
      },
    );
  }
  return plan;
}

function toEvent(row: Row): NodeEvent {
  return {
    id: Number(row.id),
    attempt: Number(row.attempt),
    node: String(row.node),
    at: String(row.at),
    // Written by appendEvent above, from an EventBody.
    body: JSON.parse(String(row.body)) as EventBody,
  };
}

function toAttempt(row: Row): Attempt {
  return {
    id: Number(row.id),
    node: String(row.node),
    address: String(row.address),
    armedAt: String(row.armed_at),
    planSha256: String(row.plan_sha256),
    imageId: String(row.image_id),
    revision: String(row.revision),
    state: JSON.parse(String(row.state)) as AttemptState,
  };
}
