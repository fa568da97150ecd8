/** The operator API: everything that a person may do, on a Unix socket that only root may open. */
import { PassThrough, type Writable } from "node:stream";
import type { FastifyPluginAsync, FastifyReply } from "fastify";
import { z } from "zod";
import { describeError, ImagectlError } from "../errors.ts";
import type { Appended, Attempt, Attempts } from "../nodes/attempts.ts";
import type { CheckResult, Report } from "../verify/report.ts";
import { longestDeadlineSeconds } from "./arming.ts";
import type {
  ApplyLine,
  ArmAnswer,
  ArmRequestBody,
  DisarmAnswer,
  ErrorBody,
  NeededImage,
  NodeDiff,
  NodeView,
  ReinstallAnswer,
  ReinstallRequestBody,
  RescueAnswer,
  RescueRequestBody,
  RetireAnswer,
  ServerStatus,
  TargetList,
  VerifyLine,
  WatchLine,
} from "./operator-types.ts";

export type OperatorDependencies = {
  readonly status: () => ServerStatus;
  readonly arm: (request: ArmRequestBody) => Promise<readonly ArmAnswer[]>;
  /** @throws ImagectlError REINSTALL_REFUSED before any is armed. */
  readonly reinstall: (request: ReinstallRequestBody) => Promise<readonly ReinstallAnswer[]>;
  /** @throws ImagectlError RESCUE_REFUSED before any is armed. */
  readonly rescue: (request: RescueRequestBody) => Promise<readonly RescueAnswer[]>;
  /** @throws ImagectlError NODE_NOT_ARMED before any is disarmed. */
  readonly disarm: (nodes: readonly string[]) => readonly DisarmAnswer[];
  readonly retire: (node: string) => Promise<RetireAnswer>;
  readonly nodes: () => readonly NodeView[];
  readonly neededImages: () => readonly NeededImage[];
  readonly targets: () => Promise<TargetList>;
  readonly attempts: Pick<
    Attempts,
    "events" | "installed" | "lastEvent" | "latest" | "latestReport" | "subscribe"
  >;
  readonly apply: (
    node: string,
    isDryRun: boolean,
    onLine: (text: string) => void,
  ) => Promise<{ readonly exitCode: number; readonly isReinstallNeeded: boolean }>;
  /** All that is committed, as the bytes of a database file. */
  readonly copyDatabase: () => Buffer;
  readonly diff: (node: string) => Promise<NodeDiff>;
  readonly verify: (node: string, onResult: (result: CheckResult) => void) => Promise<Report>;
};

const NodeName = z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, "expected the name of a node");
const Arm = z.strictObject({
  nodes: z.array(NodeName),
  deadlineSeconds: z.int().min(60, "a deadline is at least a minute away").max(longestDeadlineSeconds),
});
const Reinstall = Arm.extend({ isDryRun: z.boolean() });
const Rescue = Arm.extend({ isNow: z.boolean() });
const Disarm = z.strictObject({ nodes: z.array(NodeName).min(1) });
const Apply = z.strictObject({ isDryRun: z.boolean() });
const OneNode = z.object({ node: NodeName });
const EventQuery = z.object({
  node: NodeName,
  attempts: z.enum(["latest", "all"]),
});
const WatchQuery = z.object({ node: z.union([NodeName, z.array(NodeName)]).optional() });

/** A watcher that takes nothing for so long that this much waits for it is cut off. Bytes. */
const mostUnread = 4_000_000;

export function operatorRoutes(dependencies: OperatorDependencies): FastifyPluginAsync {
  const { attempts } = dependencies;
  return async (server) => {
    server.setErrorHandler((error: unknown, _request, reply) => sendError(reply, error));
    server.get("/status", async () => dependencies.status());
    server.post("/arm", (request) => dependencies.arm(parse(Arm, request.body)));
    server.post("/reinstall", (request) => dependencies.reinstall(parse(Reinstall, request.body)));
    server.post("/rescue", (request) => dependencies.rescue(parse(Rescue, request.body)));
    server.post("/disarm", async (request) => dependencies.disarm(parse(Disarm, request.body).nodes));
    server.post("/retire", (request) => dependencies.retire(parse(OneNode, request.body).node));
    server.get("/nodes", async () => dependencies.nodes());
    server.get("/images/needed", async () => dependencies.neededImages());
    server.get("/targets", () => dependencies.targets());
    server.get("/events", async (request) => {
      const { node, attempts: which } = parse(EventQuery, request.query);
      const latest = requireAttempt(attempts, node);
      return attempts.events(which === "latest" ? { attempt: latest.id } : { node });
    });
    server.get("/watch", (request, reply) => {
      const { node } = parse(WatchQuery, request.query);
      const wanted = node === undefined ? undefined : new Set(Array.isArray(node) ? node : [node]);
      return watch(dependencies, reply, wanted);
    });
    server.get("/database", async (_request, reply) =>
      reply.type("application/vnd.sqlite3").send(dependencies.copyDatabase()),
    );
    server.post("/nodes/:node/apply", (request, reply) => {
      const { node } = parse(OneNode, request.params);
      const { isDryRun } = parse(Apply, request.body);
      return streamLines<ApplyLine>(reply, async (write) => {
        const onLine = (text: string): void => write({ kind: "line", text });
        write({ kind: "done", ...(await dependencies.apply(node, isDryRun, onLine)) });
      });
    });
    server.post("/nodes/:node/diff", (request) => dependencies.diff(parse(OneNode, request.params).node));
    server.post("/nodes/:node/verify", (request, reply) => {
      const { node } = parse(OneNode, request.params);
      return streamLines<VerifyLine>(reply, async (write) => {
        const report = await dependencies.verify(node, (result) => write({ kind: "result", result }));
        write({ kind: "report", report });
      });
    });
    server.get("/nodes/:node/report", async (request) => {
      const { node } = parse(OneNode, request.params);
      const report = attempts.latestReport((attempts.installed(node) ?? requireAttempt(attempts, node)).id);
      if (report !== undefined) return report;
      throw new ImagectlError("NODE_NOT_DEPLOYED", `${node} has no report: its checks never ran`, {
        hint: `Run them: imagectl verify ${node}`,
      });
    });
  };
}

/** @throws ImagectlError NODE_NOT_DEPLOYED when the node was never armed. */
export function requireAttempt(attempts: Pick<Attempts, "latest">, node: string): Attempt {
  const attempt = attempts.latest(node);
  if (attempt !== undefined) return attempt;
  throw new ImagectlError("NODE_NOT_DEPLOYED", `${node} was never armed`, {
    hint: `Which there are: imagectl nodes. To install it: imagectl arm ${node}`,
  });
}

/** Each node as it is, then every event; the subscription comes first and nothing is awaited between. */
function watch(
  { nodes, attempts }: OperatorDependencies,
  reply: FastifyReply,
  wanted: ReadonlySet<string> | undefined,
): FastifyReply {
  const stream = new PassThrough();
  const send = (line: WatchLine): void => {
    if (stream.writableLength > mostUnread) stream.destroy();
    else writeLine(stream, line);
  };
  const isWanted = (node: string): boolean => wanted === undefined || wanted.has(node);
  const unsubscribe = attempts.subscribe(({ attempt, event }: Appended) => {
    if (isWanted(attempt.node)) send({ attempt, event });
  });
  stream.once("close", unsubscribe);
  for (const { node, attempt } of nodes()) {
    if (attempt === undefined || !isWanted(node)) continue;
    const last = attempts.lastEvent(attempt.id);
    send(last === undefined ? { attempt } : { attempt, last });
  }
  return reply.type("application/x-ndjson").send(stream);
}

/** Work that tells its progress; a failure on the way is the last line. */
function streamLines<Line>(
  reply: FastifyReply,
  work: (write: (line: Line) => void) => Promise<void>,
): FastifyReply {
  const stream = new PassThrough();
  work((line) => writeLine(stream, line))
    .catch((error: unknown) => writeLine(stream, errorBody(error)))
    .finally(() => stream.end());
  return reply.type("application/x-ndjson").send(stream);
}

/** Who asked may be gone; the work goes on to its end, since half of it helps nobody. */
function writeLine(stream: Writable, line: unknown): void {
  if (!stream.destroyed) stream.write(`${JSON.stringify(line)}\n`);
}

function parse<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(
    (issue) => `${issue.path.join(".") || "request"}: ${issue.message}`,
  );
  throw new ImagectlError("REQUEST_MALFORMED", problems.join("; "), {
    hint: "Are imagectl and imagectl serve of the same version? Restart the server after an update.",
  });
}

function sendError(reply: FastifyReply, error: unknown): FastifyReply {
  const isRefusal = error instanceof ImagectlError;
  return reply
    .code(isRefusal ? 409 : 500)
    .type("application/json")
    .send(errorBody(error));
}

function errorBody(error: unknown): ErrorBody {
  if (error instanceof ImagectlError) {
    const { code, message, hint, findings } = error;
    return { error: { code, message, hint, findings } };
  }
  const hint = "See the log of imagectl serve, and please report it.";
  return { error: { code: "DEFECT", message: describeError(error), hint, findings: [] } };
}
