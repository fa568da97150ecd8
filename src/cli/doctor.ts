/** `imagectl doctor`: what of this machine keeps it from being a bastion, each with what to do. */
import { makeSeed } from "../cloud-init/seed.ts";
import { collectFacts } from "../doctor/collect.ts";
import { examine, formatAnswers } from "../doctor/examine.ts";
import { ImagectlError } from "../errors.ts";
import { cacheDirectory, statePaths } from "../paths.ts";
import type { ServerStatus } from "../serve/operator-types.ts";
import { type CommandIo, defineCommand, jsonOption } from "./command.ts";
import { operatorClient } from "./operator-client.ts";
import {
  clusterFile,
  clusterOption,
  installedSystems,
  knownSystems,
  placeholderTrust,
} from "./plan-context.ts";

export const command = defineCommand({
  summary:
    "look at this machine as a bastion: network, other DHCP servers, ports, space, clock, mirrors, keys",
  usage: "doctor [--cluster FILE] [--interface NAME] [--kvm] [--json]",
  options: {
    ...clusterOption,
    interface: {
      type: "string",
      valueName: "NAME",
      description: "Where nodes are. Default: bastion.interface of the cluster file.",
    },
    kvm: { type: "boolean", description: "Also boot a kernel under KVM; takes up to ten seconds." },
    ...jsonOption,
  },
  positionals: { min: 0, max: 0 },
  async run({ values }, io) {
    const facts = await collectFacts({
      file: clusterFile(values.cluster, io.env),
      operatingSystems: knownSystems,
      installedSystems,
      makeSeed,
      placeholderTrust,
      paths: statePaths(io.env),
      cache: cacheDirectory(io.env),
      now: new Date(),
      interface: values.interface,
      isKvmTried: values.kvm === true,
      askServer: () => askServer(io.env),
    });
    const answers = examine(facts);
    const isFine = answers.every(({ severity }) => severity !== "error");
    io.stdout.write(
      values.json === true ? `${JSON.stringify({ isFine, answers }, null, 2)}\n` : formatAnswers(answers),
    );
    return isFine ? 0 : 2;
  },
});

async function askServer(env: CommandIo["env"]): Promise<ServerStatus | undefined> {
  try {
    return await operatorClient(env).get<ServerStatus>("/status");
  } catch (error) {
    if (error instanceof ImagectlError && error.code === "SERVER_NOT_RUNNING") return undefined;
    throw error;
  }
}
