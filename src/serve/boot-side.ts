/** Everything that nodes talk to, from DHCP to artefacts, opened in the order in which they can be sent there. */
import { randomBytes } from "node:crypto";
import { availableParallelism } from "node:os";
import { setImmediate } from "node:timers";
import { describeError } from "../errors.ts";
import type { Attempt } from "../nodes/attempts.ts";
import type { EventBody } from "../nodes/event.ts";
import { servicePorts } from "../ports.ts";
import { ipxeDirectory, readChainloadFiles } from "../pxe/boot/chainload.ts";
import { readBootTemplates } from "../pxe/boot/templates.ts";
import { bootRoute } from "../pxe/http/boot-route.ts";
import { installerReportRoutes } from "../pxe/http/installer-report-routes.ts";
import { seedRoutes } from "../pxe/http/seed-routes.ts";
import { createControlServer, listenOn } from "../pxe/http/server.ts";
import type { Manifest } from "../store/manifest.ts";
import type { Store } from "../store/store.ts";
import { type ArtefactWorkersOptions, startArtefactWorkers } from "./artefact-workers.ts";
import { type BootLog, openBootLog } from "./boot-log.ts";
import { type Deployments, openDeployments } from "./deployments.ts";
import { blobDirectoryOf, type Foundation } from "./foundation.ts";
import { type Log, quieted } from "./log.ts";
import type { Manifests } from "./manifests.ts";
import { tellMissing } from "./missing-artefacts.ts";
import { startDhcp, startTftp } from "./network-boot.ts";
import { startRouterAnswers } from "./router-answers.ts";
import { targetLookup } from "./targets.ts";
import { checkBeforeBoot } from "./whole-image.ts";

const { control: controlPort, artefacts: artefactPort, tftp: tftpPort } = servicePorts;

/** design.md: seed tokens have 256 bits. */
const tokenBytes = 32;

/** One worker moves about 1 GB/s; more than four only help beyond 25 GbE, and DHCP keeps a core to itself. */
const mostWorkers = 4;

export type BootSideSettings = {
  readonly base: Foundation;
  readonly manifests: Manifests;
  readonly deployments: Deployments;
  readonly log: Log;
  readonly now: () => Date;
};

/**
 * @param stack gets what has to be closed in the end.
 * @returns a function that begins to answer DHCP, and returns one that ends it: nobody is sent to a port that
 *   is not open yet.
 * @throws ImagectlError PORT_IN_USE, SOCKET_FAILED, IPXE_MISSING, ARTEFACT_WORKER_FAILED.
 */
export async function openBootSide(
  settings: BootSideSettings,
  stack: AsyncDisposableStack,
): Promise<() => Promise<() => void>> {
  const { base, log, now } = settings;
  const { cluster, store, source, attempts } = base;
  const { address } = cluster.bastion;
  const controlUrl = controlUrlOf(address);
  const lookup = targetLookup({
    cluster: () => source.current().cluster,
    latestAttempt: attempts.latest,
    firmwaresOf: settings.manifests.firmwaresOf,
  });
  const quietLog = quieted(log, now);
  const append = (id: number, body: EventBody): void => {
    attempts.append(id, body, now());
  };
  const bootLog = openBootLog({
    cluster: () => source.current().cluster,
    latestAttempt: attempts.latest,
    minRamMiBOf: (id) => minRamOf(settings.manifests.known(attempts.get(id)?.imageId ?? "")),
    append,
    log: quietLog,
    ownMac: base.interfaceMac,
    later: (work) => void setImmediate(guarded(log, work)),
  });

  const control = createControl(settings, { controlUrl, lookup, append, bootLog, quietLog });
  await listenOn(control, address, controlPort);
  stack.defer(() => control.close());
  const onMissing = tellMissing({
    live: attempts.live,
    manifestOf: settings.manifests.known,
    append,
    onStranger: (client, sha256) =>
      quietLog(client, `asked for ${sha256}, which is not in the store`, "warning"),
  });
  const workers = await startWorkers(store, address, log, (sha256, client) =>
    guarded(log, () => onMissing(sha256, client))(),
  );
  stack.defer(() => workers.stop());
  stack.defer(await startTftp({ cluster, log: bootLog }));
  const sayOfRouters = (message: string) => log("serve", message, "warning");
  stack.defer(startRouterAnswers({ interface: base.interface, log: sayOfRouters }));
  log(
    "serve",
    `listening on ${address}: TFTP ${tftpPort}, control ${controlPort}, artefacts ${artefactPort}`,
  );
  return async () => {
    const end = await startDhcp({ cluster, controlUrl, lookup, log: bootLog, now });
    log("serve", `answering DHCP on ${base.interface}`);
    return end;
  };
}

/** @returns MiB; 0 when the manifest is not at hand. */
function minRamOf(manifest: Manifest | undefined): number {
  return Math.max(0, ...(manifest?.boot ?? []).map((entry) => entry.minRamMiB));
}

type ControlParts = {
  readonly controlUrl: string;
  readonly lookup: ReturnType<typeof targetLookup>;
  readonly append: (attemptId: number, body: EventBody) => void;
  readonly bootLog: BootLog;
  readonly quietLog: Log;
};

/** What nodes are given; the boot side and the operators' reinstall ask the same one. */
export function createDeployments(base: Foundation, manifests: Manifests, now: () => Date): Deployments {
  const { attempts, seeds, keys, secrets, cluster, store, source } = base;
  const { address } = cluster.bastion;
  return openDeployments({
    attempts,
    seeds,
    manifests,
    secrets,
    requireWhole: checkBeforeBoot(store.verify, now),
    controlUrl: controlUrlOf(address),
    artefactsUrl: `http://${address}:${artefactPort}/artefacts`,
    hostCaKey: keys.hostCa.privateKey,
    agentKey: source.current().trust.agentKey,
    now,
    newToken: () => randomBytes(tokenBytes).toString("hex"),
  });
}

const controlUrlOf = (address: string): string => `http://${address}:${controlPort}`;

function createControl({ base, deployments, log, now }: BootSideSettings, parts: ControlParts) {
  const { controlUrl, lookup, append, bootLog, quietLog } = parts;
  const { seeds } = base;
  /** The node was answered with 500; the attempt says why. */
  const onFailure = (attemptId: number, request: string, error: unknown): void => {
    const body = { kind: "server-failed", request, message: describeError(error) } as const;
    guarded(log, () => append(attemptId, body))();
  };
  const forSessions = {
    seeds,
    now,
    append,
    onUnknownToken: (from: string) => quietLog(from, "tried a seed token that does not exist", "warning"),
    onFailure: (request: string, attempt: Attempt, error: unknown) => onFailure(attempt.id, request, error),
  };
  return createControlServer({
    plugins: [
      bootRoute({
        controlUrl,
        templates: readBootTemplates(),
        chainloadFiles: readChainloadFiles(ipxeDirectory),
        lookup,
        now,
        prepareBoot: deployments.prepareBoot,
        log: bootLog.bootRoute,
      }),
      seedRoutes({ ...deployments, ...forSessions }),
      installerReportRoutes({
        ...forSessions,
        nocloudOf: deployments.nocloudOf,
        onUnreadable: ({ node }, { message }) => quietLog(node, message, "warning"),
      }),
    ],
    onFailure: (request, error) => log("serve", `${request}: ${describeError(error)}`, "error"),
  });
}

function startWorkers(
  store: Store,
  address: Foundation["cluster"]["bastion"]["address"],
  log: Log,
  onMissing: ArtefactWorkersOptions["onMissing"],
) {
  return startArtefactWorkers({
    blobDirectory: blobDirectoryOf(store),
    address,
    port: artefactPort,
    count: Math.max(1, Math.min(mostWorkers, availableParallelism() - 1)),
    onMissing,
    log: (message) => log("serve", message, "warning"),
  });
}

/** For work that nobody waits for: its failure is a line of the log. */
function guarded(log: Log, work: () => void): () => void {
  return () => {
    try {
      work();
    } catch (error) {
      log("serve", describeError(error), "error");
    }
  };
}
