/** The shells themselves: what they offer after sourcing our completion, with names from a cluster file. */
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openScratch } from "../../src/lab/scratch.ts";
import { packageRoot } from "../../src/paths.ts";
import { run } from "../../src/run.ts";
import { cache } from "../support/image.ts";

const scratch = openScratch({ cache, pid: process.pid });
const folder = scratch.folder("completion");
const cluster = join(folder, "cluster.yaml");
const bin = join(folder, "bin");
const env = { IMAGECTL_CLUSTER: cluster, PATH: `${bin}:${process.env.PATH}` };

beforeAll(() => {
  mkdirSync(bin, { recursive: true });
  writeFileSync(
    cluster,
    `cluster: lab
network: {subnet: 10.77.0.0/24, domain: cluster, dns: [], outsider: 10.77.0.250}
bastion: {hostname: bastion, address: 10.77.0.1, interface: eth1}
groups:
  gpu: {os: debian-12, method: golden, roles: []}
nodes:
  node1: {mac: "52:54:00:77:00:11", address: 10.77.0.11, group: gpu}
  node2: {mac: "52:54:00:77:00:12", address: 10.77.0.12, group: gpu}
`,
  );
  writeFileSync(join(bin, "imagectl"), `#!/bin/sh\nexec ${packageRoot}/bin/imagectl "$@"\n`);
  chmodSync(join(bin, "imagectl"), 0o755);
});
afterAll(() => scratch.close());

/** Each of the three: words typed so far, the last one unfinished, to what the shell offers. */
const shells: Readonly<Record<string, (words: readonly string[]) => Promise<string[]>>> = {
  bash: async (words) => {
    const script = `source <(imagectl completion bash) && complete -p imagectl >/dev/null || exit 1
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _imagectl; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return offered("bash", ["--norc", "-c", script, "bash", ...words]);
  },
  // compadd shows its candidates only to the line editor: here it prints them.
  zsh: async (words) => {
    const script = `compdef() { :; }; source <(imagectl completion zsh) || exit 1
compadd() { while [[ $1 != -- ]]; do shift; done; shift; print -l -- "$@"; }
_describe() { print -l -- "\${(@)\${(@P)2}%%:*}"; }
_files() { print -l -- *; }
words=("$@"); CURRENT=$#; _imagectl`;
    const all = await offered("zsh", ["-f", "-c", script, "zsh", ...words]);
    return all.filter((word) => word.startsWith(words.at(-1) as string));
  },
  fish: async (words) => {
    const line = words.join(" ");
    const script = `imagectl completion fish | source; complete -C ${JSON.stringify(line)}`;
    return (await offered("fish", ["--no-config", "-c", script])).map(
      (text) => text.split("\t")[0] as string,
    );
  },
};

async function offered(shell: string, words: readonly string[]): Promise<string[]> {
  const { stdout } = await run(shell, words, { env, cwd: folder });
  return stdout.split("\n").filter((line) => line !== "");
}

describe.each(Object.entries(shells))("%s", (_shell, complete) => {
  test.each([
    ["commands by their beginning", ["imagectl", "dis"], ["disarm"]],
    ["groups and nodes where both are taken", ["imagectl", "apply", ""], ["gpu", "node1", "node2"]],
    ["a further node", ["imagectl", "arm", "node1", "no"], ["node1", "node2"]],
    ["nodes alone where a group is no answer", ["imagectl", "plan", ""], ["node1", "node2"]],
    ["words of a command", ["imagectl", "images", "ver"], ["verify"]],
    ["options", ["imagectl", "diff", "--a"], ["--all"]],
    ["files", ["imagectl", "validate", "clu"], ["cluster.yaml"]],
  ])("%s", async (_name, words, expected) => {
    expect((await complete(words)).sort()).toEqual(expected);
  });
});

test("a broken cluster file completes nothing, and says nothing", async () => {
  writeFileSync(cluster, "cluster: [");
  const { stdout, stderr } = await run("imagectl", ["completion", "targets"], { env });
  expect([stdout, stderr]).toEqual(["", ""]);
});
