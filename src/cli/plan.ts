/** `imagectl plan NODE`: what is decided for one node, without doing any of it. */
import type { DiskMatch, DiskPolicy } from "../cluster/config.ts";
import { digestOf } from "../digest.ts";
import { planNode } from "../plan/make.ts";
import { type Layer, type NodePlan, planDigest } from "../plan/plan.ts";
import { defineCommand, jsonOption } from "./command.ts";
import { clusterOption, planInput } from "./plan-context.ts";

export const command = defineCommand({
  summary: "show what is decided for a node: image layer, node layer, checks",
  usage: "plan NODE | bastion [--cluster FILE] [--json]",
  options: { ...clusterOption, ...jsonOption },
  positionals: { min: 1, max: 1 },
  words: ["nodes"],
  async run({ values, positionals }, io) {
    const plan = planNode(await planInput(values.cluster, io.env), positionals[0] as string);
    io.stdout.write(values.json === true ? `${JSON.stringify(plan, null, 2)}\n` : formatPlan(plan));
    return 0;
  },
});

/** @returns the plan for people; `--json` has all of it. */
export function formatPlan(plan: NodePlan): string {
  const { image, node } = plan;
  const gates = node.checks.filter((check) => check.gate).length;
  return [
    `${node.hostname}.${node.domain}  ${node.address}/${node.prefixLength}  ${node.mac ?? "the bastion"}`,
    `  group     ${node.group}, by ${node.method}`,
    ...formatDisks(node.disk),
    `  kernel    ${node.kernelArguments.join(" ") || "no arguments of its own"}`,
    `  plan      ${planDigest(plan)}`,
    "",
    `image layer  ${image.os} ${image.arch}  ${digestOf(image)}  (nodes with the same digest share an image)`,
    `  packages  ${image.packages.join(" ") || "none"}`,
    ...(image.archives ?? []).map(
      ({ name, uri, suite, components }) => `  archive   ${[name, uri, suite, ...components].join(" ")}`,
    ),
    ...(image.buildPackages === undefined ? [] : [`  to build  ${image.buildPackages.join(" ")}`]),
    ...(image.buildFiles ?? []).map(({ path, sha256 }) => `  to build  ${path}  ${sha256}`),
    ...formatLayer(image),
    "",
    "node layer",
    ...formatLayer(node),
    "",
    "ports",
    ...node.firewall.map(
      (rule) =>
        `  ${rule.direction.padEnd(3)} ${`${rule.port}/${rule.protocol}`.padEnd(10)} ${rule.peer.padEnd(8)} ${rule.comment} (${rule.role})`,
    ),
    "",
    `checks  ${node.checks.length}, of which ${gates} must be green`,
    ...node.checks.map((check) => `  ${check.role.padEnd(10)} ${check.from.padEnd(8)} ${check.name}`),
    "",
  ].join("\n");
}

function formatDisks({ match, mirror, data = [] }: DiskPolicy): string[] {
  return [
    `  disk      ${formatMatch(match)}`,
    ...(mirror === undefined ? [] : [`  mirror    ${formatMatch(mirror.match)}`]),
    ...data.map((disk) => `  data      ${disk.mount}, ${disk.policy}: ${formatMatch(disk.match)}`),
  ];
}

function formatMatch(match: DiskMatch): string {
  const words = Object.entries(match).map(([key, value]) => `${key} ${value}`);
  return words.length === 0 ? "the only one there is" : words.join(", ");
}

function formatLayer(layer: Layer): string[] {
  const roles = [...layer.files, ...layer.commands, ...layer.services, ...layer.validators].map(
    ({ role }) => role,
  );
  const rows = [...new Set(roles)].sort().map((role) => {
    const own = (entries: readonly { readonly role: string }[]) =>
      entries.filter((entry) => entry.role === role).length;
    const counts = [
      [own(layer.files), "files"],
      [own(layer.commands), "commands"],
      [own(layer.services), "services"],
      [own(layer.validators), "validators"],
    ] as const;
    const shown = counts.filter(([number]) => number > 0).map(([number, noun]) => `${number} ${noun}`);
    return `  ${role.padEnd(10)} ${shown.join(", ")}`;
  });
  return rows.length === 0 ? ["  nothing"] : rows;
}
