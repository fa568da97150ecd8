/** `imagectl build`: every image that the nodes of a cluster file need, built or found up to date. */
import { dirname } from "node:path";
import type { OsId } from "../cluster/config.ts";
import { digestOf } from "../digest.ts";
import { type Finding, ImagectlError } from "../errors.ts";
import { buildImages, buildInstaller } from "../images/build.ts";
import { requireRoot } from "../images/build-room.ts";
import { findOperatingSystem, type OperatingSystem } from "../images/catalogue.ts";
import { findInstaller } from "../images/installer/installers.ts";
import { runBuild } from "../images/workshop.ts";
import { ensureKeys } from "../keys.ts";
import { statePaths } from "../paths.ts";
import { findSecretsToMake } from "../plan/fill-secrets.ts";
import { planNode } from "../plan/make.ts";
import type { ImagePlan } from "../plan/plan.ts";
import { formatCount } from "../quantity.ts";
import { openSecrets } from "../secrets.ts";
import { showBuild, untilInterrupted } from "./build-display.ts";
import { storeInstaller } from "./build-installer.ts";
import { type CommandIo, defineCommand, jsonLinesOption } from "./command.ts";
import {
  allSystems,
  clusterFile,
  clusterOption,
  hasClusterFile,
  installedSystems,
  knownSystems,
  planInput,
} from "./plan-context.ts";

export const command = defineCommand({
  summary: "build the images that the nodes of the cluster file need, or store an installer",
  usage: "build [--os OS] [--method METHOD] [--iso FILE [--sums FILE]] [--cluster FILE] [--update] [--json]",
  options: {
    os: {
      type: "string",
      valueName: "OS",
      description: `Only this one: ${allSystems.join(", ")}. Default: all that the nodes need.`,
    },
    method: {
      type: "string",
      valueName: "METHOD",
      description:
        "With --os: golden for its images, installer for its own installer. Default: what the nodes need; of Ubuntu its installer, where no node needs it.",
    },
    iso: {
      type: "string",
      valueName: "FILE",
      description:
        "The installer's ISO, as its vendor publishes it. Without it the newest one is downloaded.",
    },
    sums: {
      type: "string",
      valueName: "FILE",
      description: "SHA256SUMS, with SHA256SUMS.gpg beside it. Default: in the folder of the ISO.",
    },
    ...clusterOption,
    update: {
      type: "boolean",
      description:
        "Take the newest packages instead of the locked ones; of an installer, look for a newer ISO.",
    },
    ...jsonLinesOption,
  },
  positionals: { min: 0, max: 0 },
  async run({ values }, io) {
    const method = parseMethod(values);
    const installer = findInstaller(values.os ?? "");
    if (installer !== undefined && isInstallerMeant({ ...values, method }, io)) {
      requireRoot(
        `imagectl build --os ${installer.os}${values.iso === undefined ? "" : ` --iso ${values.iso}`}`,
      );
      return storeInstaller(installer, values, io);
    }
    requireNoIso(values);
    const code = await buildNeeded({ ...values, method }, io);
    if (code === 0 && values.json !== true && method !== "installer")
      io.stderr.write(await nextStep(values.cluster, io));
    return code;
  },
});

/** Of a system that comes both ways. Where nothing says it, the cluster file does; an installer can be stored before there is one. */
function isInstallerMeant(
  { method, iso, sums, cluster }: Wanted & { readonly iso?: string; readonly sums?: string },
  { env }: CommandIo,
): boolean {
  if (method !== undefined) return method === "installer";
  return iso !== undefined || sums !== undefined || !hasClusterFile(cluster, env);
}

/** @throws ImagectlError USAGE for options that only an installer has. */
function requireNoIso({ os, iso, sums }: { os?: string; iso?: string; sums?: string }): void {
  if (iso === undefined && sums === undefined) return;
  const message =
    os === undefined
      ? "--iso and --sums need --os"
      : `a golden image of ${os} is made of packages, not of an ISO`;
  throw new ImagectlError("USAGE", message, {
    hint: `Name what the ISO installs: imagectl build --os ${installedSystems.join("|")} --iso FILE`,
  });
}

/** @throws ImagectlError USAGE. */
function parseMethod({ method, os }: { method?: string; os?: string }): Wanted["method"] {
  if (method === undefined) return undefined;
  const isKnown = method === "golden" || method === "installer";
  if (isKnown && os !== undefined) return method;
  throw new ImagectlError(
    "USAGE",
    isKnown ? "--method needs --os" : `there is no method ${method} to build for`,
    {
      hint: `imagectl build --os ${os ?? knownSystems[0]} --method golden|installer`,
    },
  );
}

type Wanted = {
  /** Undefined: what the nodes need. */
  readonly method?: "golden" | "installer" | undefined;
  readonly os?: string | undefined;
  readonly cluster?: string | undefined;
  readonly update?: boolean | undefined;
  readonly json?: boolean | undefined;
};

/** For commands that build on their way. @returns the exit code. */
export async function buildNeeded(values: Wanted, io: CommandIo): Promise<number> {
  const only = values.os === undefined ? undefined : findOperatingSystem(values.os);
  requireRoot(only === undefined ? "imagectl build" : `imagectl build --os ${only.id}`);
  // Plans name the cluster's public keys, and the first command of a new bastion may well be this one.
  await ensureKeys(statePaths(io.env).keys);
  const { plans, installed } = await findNeeds(only, values, io);
  const filesFrom = dirname(clusterFile(values.cluster, io.env));
  const show = showBuild(io, values.json === true);
  const interrupted = "imagectl: interrupted; nothing was published, nothing is left behind\n";
  const isUpdate = values.update === true;
  const ofIsos = [...new Set(installed)].sort().flatMap((id) => findInstaller(id) ?? []);
  const ofPackages = installed.filter((id) => findInstaller(id) === undefined);
  const ids = [...new Set([...plans.map((plan) => plan.os), ...ofPackages])].sort();
  const code = await untilInterrupted(io, { show, interrupted }, async (following) => {
    for (const id of ids) {
      const own = plans.filter((plan) => plan.os === id);
      const os = findOperatingSystem(id);
      const hasInstaller = ofPackages.includes(id);
      const shared = { isUpdate, filesFrom, environment: io.env, ...following };
      await runBuild({ os, ...shared }, async (workshop) => {
        if (hasInstaller) await buildInstaller(workshop);
        if (own.length > 0) await buildImages(own, workshop);
      });
    }
    return 0;
  });
  if (code !== 0) return code;
  for (const installer of ofIsos) {
    const stored = await storeInstaller(installer, { update: values.update, json: values.json }, io);
    if (stored !== 0) return stored;
  }
  return 0;
}

/** What a node needs beside its image, before it can be armed. */
async function nextStep(cluster: string | undefined, io: CommandIo): Promise<string> {
  const input = await planInput(cluster, io.env);
  const plans = input.cluster.nodes.map(({ name }) => planNode(input, name));
  const missing = await findSecretsToMake(plans, openSecrets(statePaths(io.env).secrets));
  return describeNext(missing);
}

/** @param missing secrets without which nodes cannot be armed. */
export function describeNext(missing: readonly Finding[]): string {
  const [first] = missing;
  const others = missing.length > 1 ? ` (and so for ${formatCount(missing.length - 1, "other")})` : "";
  const before = first === undefined ? "" : `${first.where}: ${first.message}${others}. ${first.hint}\n`;
  return `${before}Next: sudo imagectl serve, in a window of its own; then: sudo imagectl arm NODE\n`;
}

type Needs = {
  /** Of golden images, each once. */
  readonly plans: readonly ImagePlan[];
  /** Systems whose own installer is wanted. */
  readonly installed: readonly OsId[];
};

/** @throws ImagectlError OS_UNUSED when no node asks for this OS, or for any. */
async function findNeeds(
  only: OperatingSystem | undefined,
  { method, cluster }: Wanted,
  io: CommandIo,
): Promise<Needs> {
  // It is the same for all clusters, so it can be made before there is one.
  if (only !== undefined && method === "installer") return { plans: [], installed: [only.id] };
  const input = await planInput(cluster, io.env);
  const wanted = input.cluster.nodes
    .map((node) => planNode(input, node.name))
    .filter((plan) => only === undefined || plan.image.os === only.id);
  const plans = wanted.filter(({ node }) => node.method === "golden").map((plan) => plan.image);
  const installed = wanted.filter(({ node }) => node.method === "installer").map((plan) => plan.image.os);
  const isEmpty = plans.length === 0 && (method === "golden" || installed.length === 0);
  if (isEmpty && method === undefined && only !== undefined && findInstaller(only.id) !== undefined) {
    return { plans: [], installed: [only.id] };
  }
  if (isEmpty) throw nothingToBuild(only?.id, input.cluster.nodes.length);
  return {
    plans: [...new Map(plans.map((plan) => [digestOf(plan), plan])).values()],
    installed: method === "golden" ? [] : installed,
  };
}

function nothingToBuild(os: string | undefined, nodes: number): ImagectlError {
  const what = os === undefined ? "from an image" : `with ${os}`;
  return new ImagectlError("OS_UNUSED", `no node of the cluster file is deployed ${what}`, {
    hint:
      nodes === 0
        ? "Add a node to the cluster file, under nodes: its mac, its address and its group."
        : `Set "${os === undefined ? "" : `os: ${os}" and "`}method: golden" in a group that has nodes.`,
  });
}
