/** `imagectl retire NODE`: takes a machine out for good; what happened to it stays on record. */
import { removeNode } from "../cluster/edit.ts";
import type { RetireAnswer, ServerStatus, TargetList } from "../serve/operator-types.ts";
import { defineCommand, jsonOption } from "./command.ts";
import { confirm, yesOption } from "./confirm.ts";
import { type EditAnswer, editCluster } from "./edit-cluster.ts";
import { operatorClient } from "./operator-client.ts";
import { clusterOption } from "./plan-context.ts";
import { selectTargets } from "./targets.ts";

export const command = defineCommand({
  summary: "take a node out for good: disarms it, revokes its host keys, removes it from the cluster file",
  usage: "retire NODE [--cluster FILE] [--yes] [--json]",
  options: {
    cluster: { ...clusterOption.cluster, description: "The cluster file. Default: that of imagectl serve." },
    ...yesOption,
    ...jsonOption,
  },
  positionals: { min: 1, max: 1 },
  words: ["nodes"],
  async run({ values, positionals: [node = ""] }, io) {
    const client = operatorClient(io.env);
    const list = await client.get<TargetList>("/targets");
    // A group is not retired by one word.
    selectTargets({ ...list, groups: [] }, { words: [node], isAll: false, command: "retire" });
    const isInFile = list.nodes.some((view) => view.node === node && view.group !== undefined);
    const file = values.cluster ?? (await client.get<ServerStatus>("/status")).clusterFile;
    const edit = (isDryRun: boolean): Promise<EditAnswer | undefined> =>
      isInFile
        ? editCluster(file, isDryRun, (source) => removeNode(source, node))
        : Promise.resolve(undefined);
    // A file that cannot be edited is known before anything else is changed.
    const planned = await edit(true);
    if (values.json !== true) io.stdout.write(planned?.diff ?? "");
    await confirm(io, values.yes === true, `Retire ${node}`);
    const answer = await client.post<RetireAnswer>("/retire", { node });
    const edited = await edit(false);
    if (values.json === true) {
      const { diff, isChanged } = edited ?? { diff: "", isChanged: false };
      io.stdout.write(`${JSON.stringify({ ...answer, file, isChanged, diff }, null, 2)}\n`);
    } else io.stdout.write(formatRetired(answer, edited === undefined ? undefined : file));
    return 0;
  },
});

export function formatRetired(
  { node, wasLive, hostKeys, knownHostsFile }: RetireAnswer,
  file: string | undefined,
): string {
  const lines = [
    `${node} is retired${wasLive ? ", and disarmed" : ""}; what happened to it: imagectl events ${node} --all`,
    file === undefined
      ? "it was in the cluster file no more"
      : `${file} is written: its address is free, and its machine gets no boot answer any more`,
    hostKeys.length === 0
      ? "no host key of it was ever certified"
      : `host keys revoked: ${hostKeys.length}. People's machines need these lines of ${knownHostsFile} as well:`,
    ...hostKeys.map((key) => `  @revoked * ${key}`),
    "other nodes forget it with: imagectl apply --all. Its disk is as it was: wipe it before it leaves the house",
  ];
  return `${lines.join("\n")}\n`;
}
