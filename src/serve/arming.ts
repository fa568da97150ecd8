/** Arming: plans are made from the file as it is now, images found, and both frozen in an attempt. */
import { type Finding, throwOnErrors } from "../errors.ts";
import type { Attempt, Attempts } from "../nodes/attempts.ts";
import type { Purpose } from "../nodes/event.ts";
import { findMissingSecrets } from "../plan/fill-secrets.ts";
import { type PlanInput, planNode } from "../plan/make.ts";
import type { NodePlan } from "../plan/plan.ts";
import { findArgumentProblems } from "../pxe/boot/command-line.ts";
import type { SecretStore } from "../secrets.ts";
import type { Image } from "../store/manifest.ts";
import type { ArmAnswer, ArmRequestBody } from "./operator-types.ts";

export type ArmingDependencies = {
  readonly attempts: Pick<Attempts, "arm" | "latest">;
  /** The newest image with a deploy environment: it serves a rescue when the plan's own image is not built. */
  readonly findAnyImage: () => Promise<Image | undefined>;
  /** The newest image for this plan: a golden one, or its system's installer. */
  readonly findImage: (plan: NodePlan) => Promise<Image | undefined>;
  /** Puts the image's manifest where DHCP finds it. */
  readonly loadManifest: (imageId: string) => Promise<Image>;
  readonly secrets: Pick<SecretStore, "read">;
  readonly now: () => Date;
};

/** The longest time for which a disk may be left open to being overwritten. Seconds: a week. */
export const longestDeadlineSeconds = 7 * 86_400;

/** A node that can be armed as it is. */
export type Prepared = { readonly node: string; readonly plan: NodePlan; readonly image: Image };

/**
 * Arms all of the nodes or none: everything that can be refused is refused before the first one is armed.
 * @throws ImagectlError NODE_UNKNOWN, ARM_REFUSED with every reason, PLAN_INVALID.
 */
export async function armNodes(
  dependencies: ArmingDependencies,
  input: PlanInput,
  revision: string,
  request: ArmRequestBody,
): Promise<readonly ArmAnswer[]> {
  const { attempts, loadManifest } = dependencies;
  const names = [...new Set(request.nodes)];
  const unarmed = names.filter((name) => attempts.latest(name)?.state.isLive !== true);
  const { ready, findings } = await prepareNodes(dependencies, input, unarmed, "deploy");
  throwOnErrors("ARM_REFUSED", "nothing was armed", findings);
  const { deadlineSeconds } = request;
  const order = { revision, deadlineSeconds, purpose: "deploy" } as const;
  const armed = new Map(ready.map((one) => [one.node, armPrepared(dependencies, one, order)]));
  return Promise.all(
    names.map(async (node) => {
      const attempt = armed.get(node) ?? attempts.latest(node);
      if (attempt === undefined) throw new Error(`${node} was armed and has no attempt`);
      const { id, manifest } = await loadManifest(attempt.imageId);
      const image = { id, os: manifest.os, createdAt: manifest.createdAt };
      return { node, isNew: armed.has(node), attempt, image };
    }),
  );
}

/** @returns those that can be armed, and every reason why the others cannot; nothing is changed. */
export async function prepareNodes(
  dependencies: Omit<ArmingDependencies, "attempts">,
  input: PlanInput,
  names: readonly string[],
  purpose: Purpose,
): Promise<{ readonly ready: readonly Prepared[]; readonly findings: readonly Finding[] }> {
  const outcomes = await Promise.all(names.map((name) => prepare(dependencies, input, name, purpose)));
  return {
    ready: outcomes.flatMap((outcome) => ("findings" in outcome ? [] : [outcome])),
    findings: outcomes.flatMap((outcome) => ("findings" in outcome ? outcome.findings : [])),
  };
}

export type ArmOrder = {
  readonly revision: string;
  readonly deadlineSeconds: number;
  readonly purpose: Purpose;
};

export function armPrepared(
  { attempts, now }: Pick<ArmingDependencies, "attempts" | "now">,
  { plan, image }: Prepared,
  { revision, deadlineSeconds, purpose }: ArmOrder,
): Attempt {
  const start = now();
  const deadline = new Date(start.getTime() + deadlineSeconds * 1000);
  const request = { plan, imageId: image.id, revision, now: start, deadline };
  return attempts.arm(purpose === "rescue" ? { ...request, purpose } : request);
}

async function prepare(
  { findImage, findAnyImage, loadManifest, secrets, now }: Omit<ArmingDependencies, "attempts">,
  input: PlanInput,
  name: string,
  purpose: Purpose,
): Promise<Prepared | { readonly findings: readonly Finding[] }> {
  const plan = planNode(input, name);
  const { method } = plan.node;
  if (method === "none") return { findings: [methodFinding(name)] };
  const problems = [
    ...findArgumentProblems(plan.node.kernelArguments, name),
    ...(await findMissingSecrets(plan.node, secrets)),
  ];
  const isRescue = purpose === "rescue";
  // An installer is no environment for a person.
  const own = isRescue && method === "installer" ? undefined : await findImage(plan);
  const image = own ?? (isRescue ? await findAnyImage() : undefined);
  if (image === undefined) return { findings: [...problems, imageFinding(name, plan)] };
  if (problems.length > 0) return { findings: problems };
  const finding = clockFinding(name, image, now());
  if (finding !== undefined) return { findings: [finding] };
  await loadManifest(image.id);
  return { node: name, plan, image };
}

/** An image that this bastion built a day from now. Milliseconds: a time zone mixed up is no reason to refuse. */
const clockToleranceMs = 86_400_000;

/** Deadlines and certificates of a clock that is years behind end before they begin once it is right. */
function clockFinding(node: string, { manifest }: Image, now: Date): Finding | undefined {
  if (Date.parse(manifest.createdAt) - now.getTime() < clockToleranceMs) return undefined;
  return {
    code: "ARM_REFUSED",
    where: node,
    message: `the bastion's clock says ${now.toISOString()}, but the node's image was built on ${manifest.createdAt}`,
    hint: "Set the clock, then arm again: timedatectl set-ntp true; timedatectl",
    severity: "error",
  };
}

function methodFinding(node: string): Finding {
  return {
    code: "ARM_REFUSED",
    where: node,
    message: "its group's method is none; the network boot installs golden nodes, and those of installers",
    hint: "Set method: golden for the group in cluster.yaml.",
    severity: "error",
  };
}

function imageFinding(where: string, { image: { os }, node: { method } }: NodePlan): Finding {
  const [what, option] =
    method === "installer" ? ["installer of its system", " --method installer"] : ["image for its plan", ""];
  return {
    code: "ARM_REFUSED",
    where,
    message: `there is no ${what} (${os})`,
    hint: `Build it: sudo imagectl build --os ${os}${option}`,
    severity: "error",
  };
}
