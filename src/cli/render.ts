/** `imagectl render NODE --out DIR`: the files of a node as trees, to look at and to compare. */
import { chmod, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describeError, ImagectlError } from "../errors.ts";
import { planNode } from "../plan/make.ts";
import type { Layer, NodePlan } from "../plan/plan.ts";
import { defineCommand } from "./command.ts";
import { clusterOption, planInput } from "./plan-context.ts";

/** Marks a directory as ours: it may be emptied and written again. */
const marker = ".imagectl-render";

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
    await emptyDirectory(values.out);
    await writeTree(values.out, plan);
    const { image, node } = plan;
    io.stdout.write(
      `${values.out}: image/ ${image.files.length} files, node/ ${node.files.length} files, plan.json\n`,
    );
    return 0;
  },
});

/** Makes the directory, or empties it when it is ours. */
async function emptyDirectory(directory: string): Promise<void> {
  const entries = await listOrMake(directory);
  if (entries.length > 0 && !entries.includes(marker)) {
    throw new ImagectlError("OUTPUT_NOT_OURS", `${directory} holds files that render did not write`, {
      hint: "Name an empty directory, or one that is not there yet: --out DIR",
    });
  }
  // The marker goes last and comes first, so that an interrupted run leaves a directory that is still ours.
  for (const entry of entries.filter((name) => name !== marker)) {
    await rm(join(directory, entry), { recursive: true });
  }
  await writeFile(join(directory, marker), "Written by imagectl render, which may empty this directory.\n");
}

async function listOrMake(directory: string): Promise<string[]> {
  try {
    await mkdir(directory, { recursive: true });
    return await readdir(directory);
  } catch (error) {
    throw new ImagectlError("OUTPUT_NOT_OURS", `cannot write to ${directory}: ${describeError(error)}`, {
      hint: "Name a directory that this user may make or write: --out DIR",
      cause: error,
    });
  }
}

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
