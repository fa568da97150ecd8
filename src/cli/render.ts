/** `imagectl render NODE --out DIR`: the files of a node as trees, to look at and to compare. */
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { ImagectlError } from "../errors.ts";
import { planNode } from "../plan/make.ts";
import type { Layer, NodePlan } from "../plan/plan.ts";
import { defineCommand } from "./command.ts";
import { takeOutputFolder } from "./output-folder.ts";
import { clusterOption, planInput } from "./plan-context.ts";

export const command = defineCommand({
  summary: "write the files of a node's two layers, and its plan, to a directory",
  usage: "render NODE | bastion --out DIR [--cluster FILE]",
  options: {
    out: {
      type: "string",
      valueName: "DIR",
      description: "Where to: empty, missing, or written by render before.",
    },
    ...clusterOption,
  },
  positionals: { min: 1, max: 1 },
  words: ["nodes"],
  async run({ values, positionals }, io) {
    if (values.out === undefined) {
      throw new ImagectlError("USAGE", "render: --out is missing", {
        hint: "imagectl render NODE --out DIR",
      });
    }
    const plan = planNode(await planInput(values.cluster, io.env), positionals[0] as string);
    await takeOutputFolder(values.out, "render");
    await writeTree(values.out, plan);
    const { image, node } = plan;
    io.stdout.write(
      `${values.out}: image/ ${image.files.length} files, node/ ${node.files.length} files, plan.json\n`,
    );
    return 0;
  },
});

async function writeTree(directory: string, plan: NodePlan): Promise<void> {
  await writeLayer(join(directory, "image"), plan.image);
  await writeLayer(join(directory, "node"), plan.node);
  await writeFile(join(directory, "plan.json"), `${JSON.stringify(plan, null, 2)}\n`);
}

/** Owners stay in plan.json: the tree belongs to whoever looks at it. */
async function writeLayer(directory: string, layer: Layer): Promise<void> {
  await mkdir(directory, { recursive: true });
  for (const file of layer.files) {
    const target = join(directory, file.path);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, file.content);
    await chmod(target, file.mode);
  }
}
