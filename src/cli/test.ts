/** `imagectl test`: the operator's own cluster file rehearsed on this machine, before anything real is touched. */

import { dirname, resolve } from "node:path";
import { ImagectlError } from "../errors.ts";
import { findOperatingSystem } from "../images/catalogue.ts";
import { goldenPlanKey } from "../images/recipe.ts";
import { readRecipeFiles } from "../images/recipe-files.ts";
import { keyPaths } from "../keys.ts";
import { statePaths } from "../paths.ts";
import { planNode } from "../plan/make.ts";
import type { NodePlan } from "../plan/plan.ts";
import type { Image } from "../store/manifest.ts";
import { openStore, type Store } from "../store/store.ts";
import { terminalText } from "../terminal-text.ts";
import { buildNeeded } from "./build.ts";
import { type CommandIo, defineCommand, jsonOption } from "./command.ts";
import { untilInterrupted } from "./interrupt.ts";
import { clusterFile, clusterOption, planInput } from "./plan-context.ts";
import {
  type Actor,
  chooseNodes,
  findFault,
  isGood,
  type Level,
  levels,
  listFaults,
  rehearsalsJson,
  showRehearsals,
} from "./rehearsal.ts";
import { rehearseOnMachines } from "./rehearse-machines.ts";
import { rehearseInNamespaces } from "./rehearse-namespaces.ts";

export const command = defineCommand({
  summary:
    "rehearse the cluster file on this machine: its images boot, every check runs, faults are injected",
  usage:
    "test [--cluster FILE] [--os OS] [--node NODE]… [--level namespaces|vm] [--fault NAME] [--list-faults] [--json]",
  options: {
    ...clusterOption,
    os: { type: "string", valueName: "OS", description: "Only nodes of this operating system." },
    node: {
      type: "string",
      multiple: true,
      valueName: "NODE",
      description: "This node. May be given again. Default: the first node of each group.",
    },
    level: {
      type: "string",
      valueName: "namespaces|vm",
      description:
        "In namespaces (default): a minute. On virtual machines, from power-on: ten minutes a node.",
    },
    fault: { type: "string", valueName: "NAME", description: "Inject it and show that it is noticed." },
    "list-faults": { type: "boolean", description: "Show which faults can be injected, and end." },
    ...jsonOption,
  },
  positionals: { min: 0, max: 0 },
  async run({ values }, io) {
    const level = levelOf(values.level);
    const input = await planInput(values.cluster, io.env);
    const chosen = chooseNodes(input.cluster, values.node ?? [], values.os);
    const plans = chosen.map(({ name }) => planNode(input, name));
    if (values["list-faults"] === true) {
      io.stdout.write(terminalText(listFaults(plans)));
      return 0;
    }
    const fault = values.fault === undefined ? undefined : findFault(values.fault, level, plans);
    requireRoot();
    const built = await buildAll(plans, values.cluster, io);
    if (built !== 0) return built;
    const paths = statePaths(io.env);
    const store = openStore(paths.store);
    const actors = await castOf(chosen, plans, store);
    const interrupt = untilInterrupted("imagectl test");
    try {
      const common = {
        cluster: input.cluster,
        actors,
        fault,
        store,
        io,
        say: (line: string) => void io.stderr.write(terminalText(`${line}\n`)),
        now: () => new Date(),
        interrupted: interrupt.promise,
      };
      const rehearsals =
        level === "namespaces"
          ? await rehearseInNamespaces({ ...common, keys: keyPaths(paths.keys), paths })
          : await rehearseOnMachines({
              ...common,
              clusterFile: resolve(clusterFile(values.cluster, io.env)),
              state: dirname(paths.database),
            });
      io.stdout.write(
        values.json === true
          ? `${rehearsalsJson(level, rehearsals)}\n`
          : terminalText(showRehearsals(level, rehearsals)),
      );
      return isGood(rehearsals) ? 0 : 1;
    } finally {
      interrupt.release();
    }
  },
});

function levelOf(given: string | undefined): Level {
  if (given === undefined) return "namespaces";
  const level = levels.find((each) => each === given);
  if (level !== undefined) return level;
  throw new ImagectlError("USAGE", `there is no level ${given}`, {
    hint: `--level ${levels.join(" or --level ")}`,
  });
}

function requireRoot(): void {
  if (process.getuid?.() === 0) return;
  throw new ImagectlError("ROOT_REQUIRED", "a rehearsal needs root: it builds images and makes networks", {
    hint: "sudo imagectl test",
  });
}

/** As `imagectl build` does, for each system that the nodes have. @returns its exit code. */
async function buildAll(
  plans: readonly NodePlan[],
  cluster: string | undefined,
  io: CommandIo,
): Promise<number> {
  for (const os of new Set(plans.map(({ image }) => image.os))) {
    const values = { os, cluster: clusterFile(cluster, io.env) };
    const code = await buildNeeded(values, { ...io, stdout: io.stderr });
    if (code !== 0) return code;
  }
  return 0;
}

async function castOf(
  chosen: readonly Actor["node"][],
  plans: readonly NodePlan[],
  store: Store,
): Promise<readonly Actor[]> {
  const files = await readRecipeFiles();
  const imageOf = async ({ image }: NodePlan): Promise<Image> => {
    const found = await store.findNewest(goldenPlanKey(findOperatingSystem(image.os), image, files));
    if (found !== undefined) return found;
    throw new ImagectlError("IMAGE_UNKNOWN", `the store has no image for the plan (${image.os})`, {
      hint: `imagectl build --os ${image.os}`,
    });
  };
  return Promise.all(
    chosen.map(async (node, index) => {
      const plan = plans[index] as NodePlan;
      return { node, plan, image: await imageOf(plan) };
    }),
  );
}
