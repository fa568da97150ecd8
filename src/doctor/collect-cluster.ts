/** Reads the cluster file, plans it, and looks for its images: all that the doctor takes from the operator's intent. */
import type { Ipv4Subnet } from "../address.ts";
import type { ClusterConfig } from "../cluster/config.ts";
import { digestOf } from "../digest.ts";
import { type Finding, ImagectlError } from "../errors.ts";
import { bootedPlanKey } from "../images/installer-recipe.ts";
import { readRecipeFiles } from "../images/recipe-files.ts";
import { readPublicKeys } from "../keys.ts";
import { readPlanSources } from "../plan/inputs.ts";
import { checkPlans, type MakeSeed, type PlanInput, planNode } from "../plan/make.ts";
import type { ClusterTrust, NodePlan } from "../plan/plan.ts";
import type { Store } from "../store/store.ts";
import type { ImageFact, NodeNeed } from "./facts.ts";

export type ClusterQuestion = {
  readonly file: string;
  readonly keysDirectory: string;
  readonly operatingSystems: readonly string[];
  readonly installedSystems: readonly string[];
  readonly makeSeed: MakeSeed;
  /** For a bastion whose keys were not made yet: no image depends on them. */
  readonly placeholderTrust: ClusterTrust;
};

export type Intent = {
  readonly cluster: ClusterConfig | undefined;
  readonly errors: readonly Finding[];
  /** Empty where there are errors. */
  readonly plans: readonly NodePlan[];
};

/** What cannot be read is a finding like any other: the rest of the machine can still be looked at. */
export async function readIntent(question: ClusterQuestion): Promise<Intent> {
  try {
    const { parsed, roles } = await readPlanSources(question.file);
    const { cluster, where } = parsed;
    const isError = ({ severity }: Finding) => severity === "error";
    if (cluster === undefined) return { cluster, errors: parsed.findings.filter(isError), plans: [] };
    const trust = await readTrust(question);
    const { operatingSystems, installedSystems, makeSeed } = question;
    const input: PlanInput = { cluster, roles, trust, operatingSystems, installedSystems, makeSeed, where };
    const errors = [...parsed.findings, ...checkPlans(input)].filter(isError);
    const plans = errors.length > 0 ? [] : cluster.nodes.map(({ name }) => planNode(input, name));
    return { cluster, errors, plans };
  } catch (error) {
    if (!(error instanceof ImagectlError)) throw error;
    const { code, message, hint } = error;
    const finding: Finding = { code, where: question.file, message, hint, severity: "error" };
    return { cluster: undefined, errors: [finding], plans: [] };
  }
}

async function readTrust({ keysDirectory, placeholderTrust }: ClusterQuestion): Promise<ClusterTrust> {
  try {
    return await readPublicKeys(keysDirectory);
  } catch (error) {
    const canWait =
      error instanceof ImagectlError && ["KEYS_MISSING", "KEYS_UNREADABLE"].includes(error.code);
    if (!canWait) throw error;
    return placeholderTrust;
  }
}

/** @returns one entry for each image that the plans need. */
export async function findImages(plans: readonly NodePlan[], store: Store): Promise<ImageFact[]> {
  const booted = plans.filter(({ node }) => node.method !== "none");
  const files = await readRecipeFiles();
  const byImage = Map.groupBy(booted, ({ image, node }) => digestOf({ image, method: node.method }));
  return Promise.all(
    [...byImage.values()].map(async (sharing) => {
      const plan = sharing[0] as NodePlan;
      const groups = [...new Set(sharing.map(({ node }) => node.group))].sort();
      const { os } = plan.image;
      const found = await store.findNewest(bootedPlanKey(plan, files));
      const image =
        found === undefined ? undefined : { id: found.id, createdAt: new Date(found.manifest.createdAt) };
      return { os, groups, image };
    }),
  );
}

/** @returns each port that some node reaches on the bastion, once. */
export function needsOf(plans: readonly NodePlan[], { network, prefixLength }: Ipv4Subnet): NodeNeed[] {
  const rules = plans.flatMap(({ node }) => node.firewall);
  const needs = rules.flatMap((rule): NodeNeed[] => {
    if (rule.direction !== "out" || rule.peer !== "bastion") return [];
    const { protocol, port, comment, role, mend } = rule;
    return [
      { protocol, port, comment, role, mend: mend?.replaceAll("SUBNET", `${network}/${prefixLength}`) },
    ];
  });
  return [...new Map(needs.map((need) => [`${need.protocol} ${need.port}`, need])).values()];
}
