/** Judges the cluster file, the images that its groups need, and the server. Pure. */
import type { Finding } from "../errors.ts";
import { shortId } from "../store/findings.ts";
import { type Answer, type ClusterFacts, fine, type ImageFact } from "./facts.ts";

/** From then on an image most likely lacks security updates that a mirror has. Days. Our choice. */
const staleDays = 30;

const dayMs = 86_400_000;

export function examineCluster(cluster: ClusterFacts, now: Date): Answer[] {
  return [
    examineFile(cluster),
    examineServer(cluster),
    ...cluster.images.map((image) => examineImage(image, now)),
    ...examineSecrets(cluster.missingSecrets),
  ];
}

function examineFile({ file, errors, nodes }: ClusterFacts): Answer {
  const [first] = errors;
  if (first === undefined) return fine("cluster file", `${file} is valid; nodes: ${nodes}`);
  const more = errors.length === 1 ? "" : `, and ${errors.length - 1} more`;
  const message = `${first.where}: ${first.message}${more}`;
  const hint = errors.length === 1 ? first.hint : `imagectl validate ${file}`;
  return { severity: "error", code: "CLUSTER_INVALID", where: "cluster file", message, hint };
}

function examineServer({ server, file }: ClusterFacts): Answer {
  if (server === undefined)
    return fine("server", `not running; it is started by: sudo imagectl serve --cluster ${file}`);
  return fine("server", `runs as pid ${server.pid} on ${server.interface} with ${server.clusterFile}`);
}

function examineImage({ os, groups, image }: ImageFact, now: Date): Answer {
  const where = `image for ${groups.join(", ")}`;
  if (image === undefined) {
    const message = `no ${os} image for the plan of this cluster file`;
    return {
      severity: "warning",
      code: "IMAGE_UNKNOWN",
      where,
      message,
      hint: `sudo imagectl build --os ${os}`,
    };
  }
  const days = Math.floor((now.getTime() - image.createdAt.getTime()) / dayMs);
  if (days <= staleDays) return fine(where, `${shortId(image.id)}, days old: ${Math.max(0, days)}`);
  const message = `${shortId(image.id)} is ${days} days old`;
  const hint = `sudo imagectl build --os ${os} --update`;
  return { severity: "warning", code: "IMAGE_STALE", where, message, hint };
}

function examineSecrets(missing: readonly Finding[] | undefined): Answer[] {
  const where = "secrets of nodes";
  const [first] = missing ?? [];
  if (missing === undefined) return [];
  if (first === undefined) return [fine(where, "none is missing")];
  const others = missing.length === 1 ? "" : `, and ${missing.length - 1} more of others`;
  const message = `${first.where} cannot be armed yet: ${first.message}${others}`;
  return [{ ...first, severity: "warning", where, message }];
}
