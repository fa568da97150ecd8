/** What the server stands on before it opens a port: the cluster file, root, keys, images, attempts. */
import { existsSync } from "node:fs";
import { chmod, mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { MacAddress } from "../address.ts";
import { makeSeed } from "../cloud-init/seed.ts";
import type { ClusterConfig } from "../cluster/config.ts";
import { requireCluster } from "../cluster/parse.ts";
import { ImagectlError } from "../errors.ts";
import { operatingSystems } from "../images/catalogue.ts";
import { installers } from "../images/installer/installers.ts";
import { ensureKeys, type KeyPaths, readPublicKeys } from "../keys.ts";
import { type Attempts, openAttempts } from "../nodes/attempts.ts";
import { openDatabase, takeLock } from "../nodes/database.ts";
import { openSeeds, type Seeds } from "../nodes/seeds.ts";
import type { StatePaths } from "../paths.ts";
import { readPlanInput, readPlanSources } from "../plan/inputs.ts";
import { openSecrets, type SecretStore } from "../secrets.ts";
import { openStore, type Store } from "../store/store.ts";
import { requireInterface } from "./bastion-interface.ts";
import { type ClusterSource, openClusterSource } from "./cluster-source.ts";
import { takeDhcpSockets } from "./dhcp-handover.ts";
import type { Log } from "./log.ts";
import { type NodeDoors, openNodeDoors } from "./node-door.ts";
import { oneServerHint, refuseSecondServer } from "./operator-socket.ts";

export type ServeOptions = {
  readonly clusterFile: string;
  /** Instead of the cluster file's `bastion.interface`. */
  readonly interface: string | undefined;
  readonly paths: StatePaths;
  /** What the service manager said to us. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly log: Log;
  readonly now: () => Date;
};

export type Foundation = {
  /** As it was at the start: what belongs to the network needs a restart to change. */
  readonly cluster: ClusterConfig;
  readonly interface: string;
  readonly interfaceMac: MacAddress;
  readonly source: ClusterSource;
  readonly keys: KeyPaths;
  readonly secrets: SecretStore;
  readonly store: Store;
  readonly attempts: Attempts;
  /** For a backup: the database is open here, and nowhere else. */
  readonly copyDatabase: () => Buffer;
  readonly seeds: Seeds;
  readonly doors: NodeDoors;
};

/**
 * Everything that can be refused is refused here, before a port is open. The process is replaced once on the
 * way, by the program that opens the DHCP sockets; nothing that it would lose is open before that.
 * @param stack gets what has to be closed in the end.
 * @throws ImagectlError CLUSTER_INVALID, ROOT_REQUIRED, SERVER_ALREADY_RUNNING, INTERFACE_UNUSABLE, DATABASE_…
 */
export async function layFoundation(options: ServeOptions, stack: AsyncDisposableStack): Promise<Foundation> {
  const { clusterFile, paths, log } = options;
  const cluster = requireCluster((await readPlanSources(clusterFile)).parsed, clusterFile);
  const interfaceName = options.interface ?? cluster.bastion.interface;
  requireRoot();
  await refuseSecondServer(paths.operatorSocket);
  const { address } = cluster.bastion;
  const { prefixLength } = cluster.subnet;
  const interfaceMac = await requireInterface({ name: interfaceName, address, prefixLength });
  // One that is still starting does not answer on its socket yet, and holds the DHCP port already.
  refuseHeldState(dirname(paths.database));
  takeDhcpSockets(interfaceName);

  const keys = await ensureKeys(paths.keys);
  const { hostCaKey } = await readPublicKeys(paths.keys);
  const secrets = openSecrets(paths.secrets);
  const store = openStore(paths.store);
  await makeBlobDirectory(blobDirectoryOf(store));
  const facts = await openFacts(paths.database, stack);
  const doors = await openNodeDoors({
    runDirectory: dirname(paths.operatorSocket),
    agentKey: keys.agent.privateKey,
    hostCaKey,
    seeds: facts.seeds,
  });
  const read = () =>
    readPlanInput({
      clusterFile,
      keysDirectory: paths.keys,
      operatingSystems: operatingSystems.map(({ id }) => id),
      installedSystems: installers.map(({ os }) => os),
      makeSeed,
    });
  const source = await openClusterSource(clusterFile, read, log);
  stack.defer(() => source.close());
  return {
    cluster,
    interface: interfaceName,
    interfaceMac,
    source,
    keys,
    secrets,
    store,
    ...facts,
    doors,
  };
}

/** An empty store has no folder yet, and the artefact workers, who read from it as nobody, may not make one. */
async function makeBlobDirectory(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o755 });
  // mkdir(2) takes the umask off, and a service may run with one that shuts everybody else out.
  await chmod(directory, 0o755);
}

/** Workers know blobs by their digests alone: they lie in one folder. */
export function blobDirectoryOf(store: Store): string {
  return dirname(store.blobPath("0".repeat(64)));
}

function requireRoot(): void {
  if (process.getuid?.() === 0) return;
  throw new ImagectlError(
    "ROOT_REQUIRED",
    "imagectl serve needs root: DHCP, TFTP and the outsider's namespace",
    {
      hint: "sudo imagectl serve",
    },
  );
}

/** Two servers with sockets of their own would still write one database. @returns a function that lets go. */
function holdState(state: string): () => void {
  const path = join(state, "serve.lock");
  const unlock = takeLock(path);
  if (unlock !== undefined) return unlock;
  throw new ImagectlError("SERVER_ALREADY_RUNNING", `another imagectl serve works with ${state}`, {
    hint: oneServerHint,
  });
}

/** Takes the lock and lets it go: nothing may be held while the process is replaced. */
function refuseHeldState(state: string): void {
  if (existsSync(state)) holdState(state)();
}

/** Plans and session digests are nobody's business: the database is root's alone. */
async function openFacts(path: string, stack: AsyncDisposableStack) {
  await mkdir(dirname(path), { recursive: true, mode: 0o755 });
  const before = process.umask(0o077);
  try {
    stack.defer(holdState(dirname(path)));
    const database = openDatabase(path);
    stack.defer(() => database.close());
    await chmod(path, 0o600);
    const attempts = openAttempts(database);
    return { attempts, seeds: openSeeds(database, attempts), copyDatabase: () => database.bytes() };
  } finally {
    process.umask(before);
  }
}
