/**
 * `/seed/<token>/…` for a system's own installer, which has no session key: what cloud-init fetches before our agent
 * runs, and what subiquity, curtin and cloud-init report while they work. The token and the node's address let it in.
 */
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from "fastify";
import { sha256 } from "../../digest.ts";
import { ImagectlError } from "../../errors.ts";
import type { Attempt } from "../../nodes/attempts.ts";
import type { EventBody, InstallerReport } from "../../nodes/event.ts";
import { isInstallerNews, parseInstallerReport, parsePhoneHome } from "../../nodes/installer-report.ts";
import { seedRefusals } from "../../nodes/seed.ts";
import type { SeedAnswer, Seeds } from "../../nodes/seeds.ts";
import { sendFailure } from "./failure.ts";
import { text } from "./plain-text.ts";

/** What cloud-init's data source NoCloud is given. */
export type Nocloud = { readonly metaData: string; readonly userData: string };

export type InstallerReportDependencies = {
  readonly seeds: Pick<Seeds, "look">;
  readonly now: () => Date;
  readonly append: (attemptId: number, body: EventBody) => void | Promise<void>;
  /** Undefined for an attempt that is not installed by way of cloud-init. */
  readonly nocloudOf: (attempt: Attempt, token: string) => Promise<Nocloud | undefined>;
  readonly onUnknownToken: (address: string) => void;
  /** A report that cannot be read; who sent it was answered before. */
  readonly onUnreadable: (attempt: Attempt, error: ImagectlError) => void;
  /** What is our fault. */
  readonly onFailure: (request: string, attempt: Attempt, error: unknown) => void;
};

/** A report is below a kilobyte; with an exception's text it is a few. Bytes. */
const largestReport = 64 * 1024;

type Session = { readonly attempt: Attempt; readonly token: string };

/**
 * Statuses: 410 for a token or an address that is not the attempt's, and once it is over; 413; 404 for an attempt
 * without these files. Never 401: there is no key to come with.
 */
export function installerReportRoutes(dependencies: InstallerReportDependencies): FastifyPluginAsync {
  return async (server) => {
    // cloud-init 25.1 declares no type at all, phone_home a form's, subiquity JSON.
    server.removeAllContentTypeParsers();
    server.addContentTypeParser("*", { parseAs: "string" }, (_request, body, done) => done(null, body));

    const receive = (name: string, read: Read): void => {
      server.post(`/seed/:token/${name}`, { bodyLimit: largestReport }, (request, reply) =>
        inSession(dependencies, request, reply, ({ attempt }) => {
          const body = typeof request.body === "string" ? request.body : "";
          reply.raw.once("close", () => void keep(dependencies, { name, attempt, read, body }));
          return text(reply, 200, "noted\n");
        }),
      );
    };
    receive("installer-report", (_attempt, body) => parseInstallerReport(body));
    receive("phone-home", readPhoneHome);

    const offer = (name: string, contentOf: (nocloud: Nocloud) => string): void => {
      server.get(`/seed/:token/${name}`, { exposeHeadRoute: false }, (request, reply) =>
        inSession(dependencies, request, reply, (session) =>
          offerFile(dependencies, reply, { session, name, contentOf }),
        ),
      );
    };
    offer("meta-data", ({ metaData }) => metaData);
    offer("user-data", ({ userData }) => userData);
    offer("vendor-data", () => "");
  };
}

function inSession(
  { seeds, now, onUnknownToken }: InstallerReportDependencies,
  request: FastifyRequest,
  reply: FastifyReply,
  handle: (session: Session) => FastifyReply | Promise<FastifyReply>,
): FastifyReply | Promise<FastifyReply> {
  const { token } = request.params as { token: string };
  const address = request.ip.replace(/^::ffff:/, "");
  const answer: SeedAnswer = seeds.look(sha256(token), address, now());
  if (answer.kind === "granted") return handle({ attempt: answer.attempt, token });
  if (answer.attempt === undefined) onUnknownToken(address);
  return text(reply, 410, `${seedRefusals[answer.reason]}\n`);
}

type Read = (attempt: Attempt, body: string) => InstallerReport | undefined;

/** Before the deploy it is the installer's own live system that calls, which says nothing new. */
function readPhoneHome({ state }: Attempt, body: string): InstallerReport | undefined {
  const { hostname, fqdn, instanceId } = parsePhoneHome(body);
  if (!state.isDeployed) return undefined;
  return { stage: "called-home", text: `${hostname}, ${fqdn}, instance ${instanceId}` };
}

type Received = {
  readonly name: string;
  readonly attempt: Attempt;
  readonly read: Read;
  readonly body: string;
};

/**
 * Runs once the answer is on its way: subiquity posts from its event loop and waits for as long as it takes, so that
 * whatever is slow here would stop the installation.
 */
async function keep(
  { append, onUnreadable, onFailure }: InstallerReportDependencies,
  { name, attempt, read, body }: Received,
): Promise<void> {
  try {
    const report = read(attempt, body);
    if (report === undefined || !isInstallerNews(attempt.state, report)) return;
    await append(attempt.id, { kind: "installer-report", ...report });
  } catch (error) {
    if (error instanceof ImagectlError && error.code === "EVENT_MALFORMED") onUnreadable(attempt, error);
    else onFailure(`POST ${name}`, attempt, error);
  }
}

type Offer = {
  readonly session: Session;
  readonly name: string;
  readonly contentOf: (nocloud: Nocloud) => string;
};

/** Only for the installer's live system: the system that it made reads none of it. */
async function offerFile(
  { nocloudOf, onFailure }: InstallerReportDependencies,
  reply: FastifyReply,
  { session: { attempt, token }, name, contentOf }: Offer,
): Promise<FastifyReply> {
  if (attempt.state.isDeployed) return text(reply, 410, `${seedRefusals["already-deployed"]}\n`);
  try {
    const nocloud = await nocloudOf(attempt, token);
    if (nocloud === undefined) return text(reply, 404, "this node is not installed by cloud-init\n");
    return text(reply, 200, contentOf(nocloud));
  } catch (error) {
    onFailure(`GET ${name}`, attempt, error);
    return sendFailure(reply, error);
  }
}
