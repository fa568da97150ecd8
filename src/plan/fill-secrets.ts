/** The node's overlay with the values of its secrets: made when it goes to the node, and kept nowhere. */
import { type Finding, ImagectlError, throwOnErrors } from "../errors.ts";
import type { Secret } from "../secret.ts";
import type { SecretName, SecretStore } from "../secrets.ts";
import { buildOverlay } from "./overlay.ts";
import type { NodePart, NodePlan, PlannedFile, PlannedService, SecretPlace } from "./plan.ts";

/** The values of one node's secrets, by name. */
export type SecretValues = ReadonlyMap<string, Secret>;

/**
 * The same bytes each time while plan and secrets are the same. One that is changed between a deploy's steps and its
 * overlay makes the digests differ, and the deploy begins again.
 * @throws ImagectlError SECRET_MISSING with a finding for each, SECRET_UNREADABLE, OVERLAY_INVALID.
 */
export async function nodeOverlay(node: NodePart, secrets: Pick<SecretStore, "read">): Promise<Uint8Array> {
  const values = await readSecrets(node, secrets);
  const { commands, services, validators } = node;
  const files = node.files.map((file) => fillSecrets(file, values));
  return buildOverlay({ name: "node", files, commands, services, validators });
}

/**
 * Both layers at once, packages too, for a machine that no image was made for: the bastion.
 * @throws ImagectlError as `nodeOverlay` does.
 */
export async function wholeOverlay(
  { image, node }: NodePlan,
  secrets: Pick<SecretStore, "read">,
): Promise<Uint8Array> {
  const values = await readSecrets(node, secrets);
  return buildOverlay({
    name: "whole",
    packages: image.packages,
    files: [...image.files, ...node.files.map((file) => fillSecrets(file, values))],
    commands: [...image.commands, ...node.commands],
    services: mergeServices([...image.services, ...node.services]),
    validators: [...image.validators, ...node.validators],
  });
}

/** The node layer repeats a service for its paths there: together it is one service with all of them. */
function mergeServices(services: readonly PlannedService[]): PlannedService[] {
  const byUnit = Map.groupBy(services, ({ unit }) => unit);
  return [...byUnit.values()].map((same) => ({
    ...(same[0] as PlannedService),
    onChange: same.flatMap(({ onChange }) => onChange),
  }));
}

/** @returns a finding with what to do for every secret that the node needs and that is not there, or cannot be read. */
export async function findMissingSecrets(
  node: NodePart,
  secrets: Pick<SecretStore, "read">,
): Promise<readonly Finding[]> {
  const look = async (place: SecretPlace): Promise<Finding[]> => {
    try {
      const value = await secrets.read(nameOf(place, node));
      return value === undefined ? [missingFinding(place, node.hostname)] : [];
    } catch (error) {
      if (!(error instanceof ImagectlError)) throw error;
      const { code, message, hint } = error;
      return [{ code, where: node.hostname, message, hint, severity: "error" }];
    }
  };
  return (await Promise.all(neededSecrets(node).map(look))).flat();
}

/** The same for all nodes that the network installs, in their order: they cannot be armed before. */
export async function findSecretsToMake(
  plans: readonly Pick<NodePlan, "node">[],
  secrets: Pick<SecretStore, "read">,
): Promise<readonly Finding[]> {
  const booted = plans.filter(({ node }) => node.method !== "none");
  return (await Promise.all(booted.map(({ node }) => findMissingSecrets(node, secrets)))).flat();
}

async function readSecrets(node: NodePart, secrets: Pick<SecretStore, "read">): Promise<SecretValues> {
  const values = new Map<string, Secret>();
  const findings: Finding[] = [];
  for (const place of neededSecrets(node)) {
    const value = await secrets.read(nameOf(place, node));
    if (value === undefined) findings.push(missingFinding(place, node.hostname));
    else values.set(place.name, value);
  }
  throwOnErrors("SECRET_MISSING", node.hostname, findings);
  return values;
}

/** Each once, however often its value is used. */
export function neededSecrets({ files }: Pick<NodePart, "files">): SecretPlace[] {
  const places = files.flatMap(({ secrets = [] }) => secrets);
  return [...new Map(places.map((place) => [place.name, place])).values()];
}

/** @returns where the value of a place lies. */
export function nameOf({ name, scope }: SecretPlace, { hostname }: Pick<NodePart, "hostname">): SecretName {
  return { name, node: scope === "node" ? hostname : undefined };
}

function missingFinding({ name, make }: SecretPlace, hostname: string): Finding {
  return {
    code: "SECRET_MISSING",
    where: hostname,
    message: `its secret ${name} was not made yet`,
    hint: `Make it: ${make}`,
    severity: "error",
  };
}

/** @returns the file as it goes to the node. From the last place to the first: those before keep their offsets. */
export function fillSecrets({ secrets = [], ...file }: PlannedFile, values: SecretValues): PlannedFile {
  const content = secrets.reduceRight((text, { name, start, end }) => {
    const value = values.get(name);
    if (value === undefined) throw new Error(`the secret ${name} of ${file.path} was not read`);
    return text.slice(0, start) + value.reveal() + text.slice(end);
  }, file.content);
  return { ...file, content };
}
