/** `imagectl export ansible`: the cluster file and its overlays for machines that were not network-booted. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { inventoryFiles, makeInventory } from "../ansible/inventory.ts";
import { ImagectlError } from "../errors.ts";
import { packageRoot, statePaths } from "../paths.ts";
import { wholeOverlay } from "../plan/fill-secrets.ts";
import { planNode } from "../plan/make.ts";
import { openSecrets } from "../secrets.ts";
import { defineCommand } from "./command.ts";
import { takeOutputFolder } from "./output-folder.ts";
import { clusterFile, clusterOption, planInput } from "./plan-context.ts";

/** What comes as it is from templates/ansible. */
const parts = ["ansible.cfg", "site.yaml"] as const;

export const command = defineCommand({
  summary:
    "write an Ansible inventory and a playbook that makes running machines nodes, without a network boot",
  usage: "export ansible --out DIR [--cluster FILE]",
  options: {
    out: {
      type: "string",
      valueName: "DIR",
      description: "Where to: empty, missing, or written by export before.",
    },
    ...clusterOption,
  },
  positionals: { min: 1, max: 1 },
  words: [["ansible"]],
  async run({ values: { out, cluster: given }, positionals: [form] }, io) {
    if (form !== "ansible" || out === undefined) {
      throw new ImagectlError("USAGE", "export: it takes a form and a folder", {
        hint: "imagectl export ansible --out DIR",
      });
    }
    const input = await planInput(given, io.env);
    const secrets = openSecrets(statePaths(io.env).secrets);
    const files = new Map<string, string | Uint8Array>(inventoryFiles(makeInventory(input.cluster)));
    const cluster = resolve(clusterFile(given, io.env));
    files.set("group_vars/all.json", `${JSON.stringify({ imagectl_cluster: cluster }, null, 2)}\n`);
    for (const part of parts)
      files.set(part, await readFile(join(packageRoot, "templates/ansible", part), "utf8"));
    for (const { name } of input.cluster.nodes) {
      files.set(`overlays/${name}.tar`, await wholeOverlay(planNode(input, name), secrets));
    }
    await takeOutputFolder(out, "export", 0o700);
    for (const [path, content] of files) {
      await mkdir(dirname(join(out, path)), { recursive: true, mode: 0o700 });
      // Values of secrets are in the overlays.
      await writeFile(join(out, path), content, { mode: 0o600 });
    }
    const [node = "NODE"] = input.cluster.nodes.map(({ name }) => name);
    io.stdout.write(
      `${out}: inventory, playbook, ${input.cluster.nodes.length} overlays with their secrets\n`,
    );
    io.stderr.write(`Next: cd ${out} && ansible-playbook site.yaml --limit ${node} --check\n`);
    return 0;
  },
});
