/** `imagectl serve`: starts everything in one order, says what is ready, and ends it in the reverse order. */
import { describeError } from "../errors.ts";
import { certificateFor } from "../host-certificate.ts";
import { isInstallable } from "../images/installer/installer-manifest.ts";
import { bootedPlanKey } from "../images/installer-recipe.ts";
import { readRecipeFiles } from "../images/recipe-files.ts";
import { findSecretsToMake } from "../plan/fill-secrets.ts";
import { checkPlans } from "../plan/make.ts";
import type { NodePlan } from "../plan/plan.ts";
import { formatCount } from "../quantity.ts";
import { hasDeployEnvironment, type Image } from "../store/manifest.ts";
import type { Store } from "../store/store.ts";
import { sshVantage } from "../verify/ssh.ts";
import { boardNodes } from "./board-nodes.ts";
import { openBoard } from "./board-server.ts";
import { createDeployments, openBootSide } from "./boot-side.ts";
import { watchDeadlines } from "./deadlines.ts";
import type { Deployments } from "./deployments.ts";
import { eventLogger } from "./event-log.ts";
import { type Foundation, layFoundation, type ServeOptions } from "./foundation.ts";
import { askMetrics, openGpuBoard } from "./gpu-board.ts";
import {
  type CertifiedNode,
  type RenewalSettings,
  renewOrLog,
  runningNodes,
  watchCertificates,
} from "./host-certificates.ts";
import { readKexecScript } from "./kexec-script.ts";
import { keepManifests, type Manifests } from "./manifests.ts";
import { refuseForeignDhcp } from "./network-boot.ts";
import { answersOnSsh, applyOverlay } from "./node-door.ts";
import { openOperator } from "./operator.ts";
import { operatorRoutes } from "./operator-routes.ts";
import { listenForOperators } from "./operator-socket.ts";
import { createProve } from "./prove.ts";
import { openRestarter } from "./restart.ts";
import { sayReady } from "./service-manager.ts";
import { type Supervisor, superviseNodes } from "./supervise.ts";
import { whatIsMissing } from "./what-is-missing.ts";

/** A host that is up answers in a millisecond; the polling of a whole cluster must not pile up. Milliseconds. */
const sshTimeoutMs = 1_500;
/** Milliseconds. Our choice: what it adds to the time until a node is ready. */
const sshPollMs = 2_000;

/** What a machine with a kernel of its own has, and a namespace of a test has not. */
export const machineCapabilities = [
  "data-disks",
  "kernel-apparmor",
  "kernel-audit",
  "kernel-command-line",
  "kernel-modules",
  "kernel-nfs",
  "kernel-settings",
] as const;

/** A real machine also has hardware and programs that a virtual one of a rehearsal has not, where its roles say so. */
export const realCapabilities: ReadonlySet<string> = new Set([
  ...machineCapabilities,
  "foreign-packages",
  "hardware-gpu",
  "hardware-smart",
]);

/**
 * Serves until `until` is settled.
 * @param until resolves with the reason for which to stop, such as a signal's name.
 * @throws ImagectlError when it cannot start; what was opened by then is closed again.
 */
export async function serve(options: ServeOptions, until: Promise<string>): Promise<void> {
  const { log, paths, now } = options;
  await using stack = new AsyncDisposableStack();
  const base = await layFoundation(options, stack);
  const { cluster, attempts, source, store } = base;
  await sayWhatThereIs(options, base);
  const manifests = keepManifests(store);
  await loadManifestsOfLive(options, base, manifests);
  const logEvent = eventLogger(log);
  stack.defer(attempts.subscribe(({ event }) => logEvent(event)));

  await refuseForeignDhcp(cluster, base.interface, base.interfaceMac);
  log("serve", `no other DHCP server answers on ${base.interface}`);
  const deployments = createDeployments(base, manifests, now);
  const answerDhcp = await openBootSide({ base, manifests, deployments, log, now }, stack);
  const supervisor = superviseNodes({
    attempts,
    now,
    log,
    pollMs: sshPollMs,
    answersOnSsh: (address) => answersOnSsh(address, sshTimeoutMs),
    runOnNode: (node) => sshVantage(base.doors.doorOf(node)),
    prove: createProve({
      doors: base.doors,
      interface: base.interface,
      capabilities: realCapabilities,
      now,
    }),
  });
  stack.defer(() => supervisor.stop());
  stack.defer(watchDeadlines({ attempts, now, log }));
  const renew = createRenewal(base, options);
  stack.defer(
    watchCertificates({
      nodes: () => runningNodes(attempts),
      answersOnSsh: (address) => answersOnSsh(address, sshTimeoutMs),
      renew,
      refreshKnownHosts: base.doors.refresh,
      log,
    }),
  );
  stack.defer(await answerDhcp());
  const board = openGpuBoard({ nodes: () => boardNodes(source.current(), attempts), ask: askMetrics, now });
  stack.defer(await openBoard(board, log));
  stack.defer(await openOperatorSide(options, base, { manifests, deployments, supervisor, renew }));
  log("serve", `ready: for operators on ${paths.operatorSocket}. Next: sudo imagectl arm NODE`);
  await sayReady(options.environment);
  const reason = await until;
  log("serve", `${reason}: stopping; live attempts go on when it starts again`);
  source.close();
}

async function sayWhatThereIs(options: ServeOptions, base: Foundation): Promise<void> {
  const { clusterFile, paths, log } = options;
  const { cluster, store, source, attempts } = base;
  const { name, nodes, subnet, bastion } = cluster;
  const network = `${base.interface} (${bastion.address}/${subnet.prefixLength})`;
  log("serve", `cluster ${name} of ${clusterFile}: ${formatCount(nodes.length, "node")} on ${network}`);
  const problems = checkPlans(source.current()).filter(({ severity }) => severity === "error");
  if (problems.length > 0) {
    log(
      "serve",
      `${problems.length} problems keep nodes from being armed: imagectl validate ${clusterFile}`,
      "warning",
    );
  }
  const { images } = await store.list();
  const newest = images[0];
  const what = newest === undefined ? "" : `, newest ${newest.manifest.os} of ${newest.manifest.createdAt}`;
  log("serve", `store ${paths.store}: ${formatCount(images.length, "image")}${what}`);
  const missing = await whatIsMissing(source.current(), clusterFile, {
    hasImage: async (plan) => (await findImage(store, plan)) !== undefined,
    missingSecrets: (plans) => findSecretsToMake(plans, base.secrets),
  });
  for (const line of missing) log("serve", line, "warning");
  for (const { node, state } of attempts.live()) log(node, `goes on: ${state.stage} since ${state.since}`);
}

/** An image that is gone must not keep the server from starting: its attempt is told instead. */
async function loadManifestsOfLive(
  { log, now }: ServeOptions,
  { attempts }: Foundation,
  manifests: Manifests,
): Promise<void> {
  for (const { id, node, imageId } of attempts.live()) {
    await manifests.get(imageId).catch((error: unknown) => {
      const message = describeError(error);
      attempts.append(id, { kind: "server-failed", request: "reading the image", message }, now());
      log(node, `its image cannot be read: ${message}`, "error");
    });
  }
}

type OperatorParts = {
  readonly manifests: Manifests;
  readonly deployments: Deployments;
  readonly supervisor: Supervisor;
  readonly renew: (node: CertifiedNode) => Promise<boolean>;
};

/** Never rejects: whether a node has a new host certificate. */
function createRenewal(
  { doors, keys }: Foundation,
  { log, now }: ServeOptions,
): (node: CertifiedNode) => Promise<boolean> {
  const settings: RenewalSettings = {
    runOnNode: (node) => sshVantage(doors.doorOf(node)),
    certificateFor: ({ hostname, domain, address }, hostKey, present) =>
      certificateFor({ hostname, domain, address, hostCa: keys.hostCa, now: now() }, hostKey, present),
  };
  return (node) => renewOrLog(settings, log, node);
}

/** @returns a function that ends it. */
async function openOperatorSide(
  { paths, clusterFile, now }: ServeOptions,
  base: Foundation,
  { manifests, deployments, supervisor, renew }: OperatorParts,
): Promise<() => Promise<void>> {
  const { attempts, cluster, copyDatabase, doors, secrets, source, store } = base;
  const operator = openOperator({
    source,
    attempts,
    secrets,
    supervisor,
    now,
    arming: {
      findImage: (plan) => findImage(store, plan),
      findAnyImage: async () => (await store.list()).images.find(hasDeployEnvironment),
      loadManifest: manifests.get,
    },
    restarter: openRestarter({
      runOnNode: (node) => sshVantage(doors.doorOf(node)),
      bootFilesOf: deployments.bootFilesOf,
      kexecScript: readKexecScript(),
    }),
    doors,
    seeds: base.seeds,
    doorOf: doors.doorOf,
    sendOverlay: applyOverlay,
    renewCertificate: renew,
  });
  const status = {
    pid: process.pid,
    clusterFile,
    interface: base.interface,
    address: cluster.bastion.address,
  };
  const server = await listenForOperators(
    paths.operatorSocket,
    operatorRoutes({ ...operator, attempts, copyDatabase, status: () => status }),
  );
  return () => server.close();
}

/** Recipes are read each time: an updated imagectl wants images of its own recipe. */
async function findImage(store: Store, plan: NodePlan): Promise<Image | undefined> {
  const found = await store.findNewest(bootedPlanKey(plan, await readRecipeFiles()));
  return found !== undefined && isInstallable(found.manifest) ? found : undefined;
}
