/** `/seed/<token>/…`: what the deploy environment asks and reports, inside a session that one boot of one node owns. */
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from "fastify";
import type { Orders } from "../../deploy/endings.ts";
import { parseInventory } from "../../deploy/parse-inventory.ts";
import { renderSteps } from "../../deploy/steps.ts";
import { sha256 } from "../../digest.ts";
import { type Finding, ImagectlError } from "../../errors.ts";
import type { Attempt } from "../../nodes/attempts.ts";
import type { EventBody } from "../../nodes/event.ts";
import { type NodeReport, parseNodeReport } from "../../nodes/node-event.ts";
import { seedRefusals } from "../../nodes/seed.ts";
import type { SeedAnswer, Seeds } from "../../nodes/seeds.ts";
import type { Inventory } from "../../plan/inventory.ts";
import { sendFailure } from "./failure.ts";
import { text } from "./plain-text.ts";

export type SeedDependencies = {
  readonly seeds: Pick<Seeds, "redeem" | "use">;
  readonly now: () => Date;
  /** On the disk when it returns. */
  readonly append: (attemptId: number, body: EventBody) => void;
  /** The steps for this machine, or why there are none. */
  readonly planDeploy: (attempt: Attempt, inventory: Inventory) => Promise<Orders>;
  /** The node layer as a tar. */
  readonly overlayOf: (attempt: Attempt) => Promise<Uint8Array>;
  /** The image layer as a tar, for a system that an installer makes. */
  readonly imageLayerOf: (attempt: Attempt) => Promise<Uint8Array>;
  /** The answers to the questions of that installer. */
  readonly preseedOf: (attempt: Attempt) => string;
  /** The answers of Ubuntu's for this machine, once it has sent its inventory. */
  readonly autoinstallOf: (attempt: Attempt, token: string) => Promise<string>;
  /**
   * Signs the node's host key, once per session.
   * @param hostKey one OpenSSH public key line.
   * @returns the certificate line; undefined when the session had another key signed.
   */
  readonly certify: (attempt: Attempt, tokenSha256: string, hostKey: string) => Promise<string | undefined>;
  /** Somebody tries tokens. Refusals of known ones are events of their attempt. */
  readonly onUnknownToken: (address: string) => void;
  /** What is our fault; the node gets 5xx and asks again. */
  readonly onFailure: (request: string, attempt: Attempt, error: unknown) => void;
};

type Session = { readonly attempt: Attempt; readonly token: string; readonly tokenSha256: string };

type Handler = (session: Session, body: string, reply: FastifyReply) => FastifyReply | Promise<FastifyReply>;

const hexKey = /^Bearer ([0-9a-f]{64})$/;
const ed25519Line = /^ssh-ed25519 [A-Za-z0-9+/]{68}={0,2}( [\x20-\x7e]{0,200})?\n?$/;

/**
 * Statuses: 401 without a session key; 410 for a token, address or key that is not the session's, and once
 * nothing may be written any more; 409 for a refusal that a person must look at; 400 for what cannot be read;
 * 500, 503 or 507 for our failure, which the node answers by asking again.
 */
export function seedRoutes(dependencies: SeedDependencies): FastifyPluginAsync {
  const { seeds, now } = dependencies;
  return async (server) => {
    // Bodies are read as text and parsed by the rooms that own their shape, whatever type a shell script declares.
    server.removeAllContentTypeParsers();
    server.addContentTypeParser("*", { parseAs: "string" }, (_request, body, done) => done(null, body));

    const route = (method: "GET" | "POST", name: string, ask: Ask, handle: Handler): void => {
      server.route({
        method,
        url: `/seed/:token/${name}`,
        exposeHeadRoute: false,
        handler: (request, reply) => inSession({ dependencies, request, reply, name, ask, handle }),
      });
    };
    const redeem: Ask = (token, client) => seeds.redeem(token, client, now());
    const use: Ask = (token, client) => seeds.use(token, client, now());

    route("POST", "redeem", redeem, (session, _body, reply) => text(reply, 200, `${session.attempt.node}\n`));
    route("POST", "inventory", use, (session, body, reply) =>
      answerInventory(dependencies, session, body, reply),
    );
    route("GET", "overlay.tar", use, async ({ attempt }, _body, reply) =>
      reply.type("application/x-tar").send(Buffer.from(await dependencies.overlayOf(attempt))),
    );
    route("GET", "image-layer.tar", use, async ({ attempt }, _body, reply) =>
      reply.type("application/x-tar").send(Buffer.from(await dependencies.imageLayerOf(attempt))),
    );
    route("GET", "preseed.cfg", use, ({ attempt }, _body, reply) =>
      text(reply, 200, dependencies.preseedOf(attempt)),
    );
    route("GET", "autoinstall.yaml", use, async ({ attempt, token }, _body, reply) =>
      text(reply, 200, await dependencies.autoinstallOf(attempt, token)),
    );
    route("POST", "events", use, ({ attempt }, body, reply) => {
      const report = parseNodeReport(body);
      if (isNews(attempt, report, now())) dependencies.append(attempt.id, report);
      return text(reply, 200, "noted\n");
    });
    route("POST", "host-key", use, (session, body, reply) =>
      answerHostKey(dependencies, session, body, reply),
    );
    route("GET", "clock", use, (_session, _body, reply) =>
      text(reply, 200, `${Math.floor(now().getTime() / 1000)}\n`),
    );
  };
}

type Ask = (tokenSha256: string, client: { address: string; keySha256: string }) => SeedAnswer;

type InSession = {
  readonly dependencies: SeedDependencies;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly name: string;
  readonly ask: Ask;
  readonly handle: Handler;
};

async function inSession({
  dependencies,
  request,
  reply,
  name,
  ask,
  handle,
}: InSession): Promise<FastifyReply> {
  const key = hexKey.exec(request.headers.authorization ?? "")?.[1];
  if (key === undefined)
    return text(reply, 401, "the header Authorization: Bearer <64 hex digits> is missing\n");
  const { token } = request.params as { token: string };
  const body = typeof request.body === "string" ? request.body : "";
  const address = request.ip.replace(/^::ffff:/, "");
  const tokenSha256 = sha256(token);
  const answer = ask(tokenSha256, { address, keySha256: sha256(key) });
  if (answer.kind === "refused") {
    if (answer.reason === "already-deployed" && isDeployedReport(name, body))
      return text(reply, 200, "noted\n");
    if (answer.attempt === undefined) dependencies.onUnknownToken(address);
    return text(reply, 410, `${seedRefusals[answer.reason]}\n`);
  }
  const { attempt } = answer;
  try {
    return await handle({ attempt, token, tokenSha256 }, body, reply);
  } catch (error) {
    if (isUnreadable(error)) return text(reply, 400, `${error.message}\n`);
    dependencies.onFailure(`${request.method} ${name}`, attempt, error);
    return sendFailure(reply, error);
  }
}

async function answerInventory(
  { append, planDeploy }: SeedDependencies,
  { attempt }: Session,
  body: string,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const inventory = parseInventory(body);
  append(attempt.id, { kind: "inventory-received", inventory });
  const plan = await planDeploy(attempt, inventory);
  switch (plan.kind) {
    case "deploy":
    case "rescue":
      return text(reply, 200, renderSteps(plan.steps));
    case "refuse":
      append(attempt.id, { kind: "deploy-refused", findings: plan.findings });
      return text(reply, 409, plan.findings.map(consoleLines).join(""));
    default:
      return plan satisfies never;
  }
}

async function answerHostKey(
  { certify }: SeedDependencies,
  { attempt, tokenSha256 }: Session,
  body: string,
  reply: FastifyReply,
): Promise<FastifyReply> {
  if (!ed25519Line.test(body)) return text(reply, 400, "expected one line: ssh-ed25519 <base64> [comment]\n");
  const certificate = await certify(attempt, tokenSha256, body.trim());
  return certificate === undefined
    ? text(reply, 409, "this session had another host key signed; restart the node for a new session\n")
    : text(reply, 200, `${certificate.trim()}\n`);
}

/**
 * Between two progress reports of a node that are kept. Milliseconds. Each costs a write to the disk, and a
 * hundred nodes may be streaming.
 */
const progressEveryMs = 2_000;

/** A node that waits after a failed step repeats its report until somebody comes; once is enough to keep. */
function isNews({ state }: Attempt, report: NodeReport, now: Date): boolean {
  switch (report.kind) {
    case "step-failed":
      return state.stage !== "failed" || state.step?.index !== report.index;
    case "step-progress":
      return (
        state.progress === undefined || Math.abs(now.getTime() - Date.parse(state.heardAt)) >= progressEveryMs
      );
    default:
      return true;
  }
}

function isDeployedReport(name: string, body: string): boolean {
  if (name !== "events") return false;
  try {
    return parseNodeReport(body).kind === "deployed";
  } catch (error) {
    if (isUnreadable(error)) return false;
    throw error;
  }
}

function isUnreadable(error: unknown): error is ImagectlError {
  return (
    error instanceof ImagectlError &&
    (error.code === "EVENT_MALFORMED" || error.code === "INVENTORY_MALFORMED")
  );
}

/** For a console of 80 columns that a person photographs. */
function consoleLines(finding: Finding): string {
  return `${finding.message}\n  ${finding.hint}\n`;
}
