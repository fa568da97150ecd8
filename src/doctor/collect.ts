/** Collects all that the doctor judges. Nothing here changes anything. */
import type { StatePaths } from "../paths.ts";
import { findSecretsToMake } from "../plan/fill-secrets.ts";
import { openSecrets } from "../secrets.ts";
import { openStore, type Store } from "../store/store.ts";
import { type ClusterQuestion, findImages, needsOf, readIntent } from "./collect-cluster.ts";
import { collectHost, isRoot } from "./collect-host.ts";
import { collectNetwork } from "./collect-network.ts";
import type { Facts, ServerFact } from "./facts.ts";

export type DoctorQuestion = Omit<ClusterQuestion, "keysDirectory"> & {
  readonly paths: StatePaths;
  readonly cache: string;
  readonly now: Date;
  /** Instead of the cluster file's `bastion.interface`. */
  readonly interface: string | undefined;
  readonly isKvmTried: boolean;
  /** Our own server, where one answers on the operator socket. */
  readonly askServer: () => Promise<ServerFact | undefined>;
};

export async function collectFacts(question: DoctorQuestion): Promise<Facts> {
  const { paths, cache, now, file } = question;
  const store = openStore(paths.store);
  const [intent, server] = await Promise.all([
    readIntent({ ...question, keysDirectory: paths.keys }),
    question.askServer(),
  ]);
  const { cluster, errors, plans } = intent;
  const images = await findImages(plans, store);
  const newest = Math.max(...images.flatMap(({ image }) => image?.createdAt.getTime() ?? []));
  const [host, network] = await Promise.all([
    collectHost({
      paths,
      cache,
      now,
      operatingSystems: [...new Set(plans.map(({ image }) => image.os))],
      newestImageAt: Number.isFinite(newest) ? new Date(newest) : undefined,
      kvm: { isTried: question.isKvmTried, kernel: await findKernel(store) },
    }),
    cluster === undefined
      ? undefined
      : collectNetwork({
          cluster,
          interface: question.interface,
          needs: needsOf(plans, cluster.subnet),
          isRoot: isRoot(),
        }),
  ]);
  const missingSecrets = isRoot() ? await findSecretsToMake(plans, openSecrets(paths.secrets)) : undefined;
  const nodes = cluster?.nodes.length ?? 0;
  return { host, network, cluster: { file, errors, nodes, server, images, missingSecrets } };
}

/** Any kernel does to try a machine with. */
async function findKernel(store: Store): Promise<string | undefined> {
  const { images } = await store.list();
  const kernels = images.flatMap(({ manifest }) =>
    manifest.artefacts.filter(({ name }) => name === manifest.boot[0]?.kernel),
  );
  return kernels[0] === undefined ? undefined : store.blobPath(kernels[0].sha256);
}
