/** `imagectl secrets`: which values the nodes' files need, which are there, and a way to put one there. */
import { readFile } from "node:fs/promises";
import { describeError, ImagectlError } from "../errors.ts";
import { hintForName } from "../nearest.ts";
import { statePaths } from "../paths.ts";
import { nameOf, neededSecrets } from "../plan/fill-secrets.ts";
import { type PlanInput, planNode } from "../plan/make.ts";
import { subjectsOf } from "../plan/subject.ts";
import { describeName, openSecrets, parseValue, type SecretName, type SecretStore } from "../secrets.ts";
import { type CommandIo, defineCommand, jsonOption } from "./command.ts";
import { clusterOption, planInput } from "./plan-context.ts";
import { formatTable } from "./table.ts";

export const command = defineCommand({
  summary: "list the secrets that nodes need, or keep the value of one; no value is ever shown",
  usage:
    "secrets list [--cluster FILE] [--json] | secrets set NAME --from FILE [--node NODE] [--rotate] [--cluster FILE]",
  options: {
    from: { type: "string", valueName: "FILE", description: "Where its value is; - reads standard input." },
    node: { type: "string", valueName: "NODE", description: "Whose it is, where each machine has its own." },
    rotate: { type: "boolean", description: "Replace the value that is there." },
    ...clusterOption,
    ...jsonOption,
  },
  positionals: { min: 1, max: 2 },
  words: [["list", "set"], "nothing"],
  async run({ values, positionals }, io) {
    const [verb, name] = positionals;
    const needed = neededByCluster(await planInput(values.cluster, io.env));
    const store = openSecrets(statePaths(io.env).secrets);
    if (verb === "list" && name === undefined) return list(needed, store, values.json === true, io);
    if (verb !== "set" || name === undefined || values.from === undefined) {
      throw new ImagectlError("USAGE", "secrets: which of the two?", {
        hint: "imagectl secrets list, or imagectl secrets set NAME --from FILE",
      });
    }
    const wanted: SecretName = { name, node: values.node };
    requireNeeded(needed, wanted);
    const isReplacing = values.rotate === true;
    const value = parseValue(await readInput(values.from), values.from);
    await store.write(wanted, value, { isReplacing, now: new Date(), by: whoAsks(io.env) });
    io.stdout.write(`kept: ${describeName(wanted)}\n`);
    return 0;
  },
});

type Needed = SecretName & { readonly make: string };

function neededByCluster(input: PlanInput): readonly Needed[] {
  const places = subjectsOf(input.cluster).flatMap(({ name }) => {
    const { node } = planNode(input, name);
    return neededSecrets(node).map((place) => ({ ...nameOf(place, node), make: place.make }));
  });
  return [...new Map(places.map((place) => [describeName(place), place])).values()];
}

async function list(
  needed: readonly Needed[],
  store: SecretStore,
  isJson: boolean,
  { stdout }: CommandIo,
): Promise<number> {
  const stored = new Map((await store.list()).map((each) => [describeName(each), each]));
  const rows = needed.map((each) => ({ ...each, since: stored.get(describeName(each))?.since ?? null }));
  if (isJson) {
    stdout.write(`${JSON.stringify(rows, null, 2)}\n`);
    return 0;
  }
  const table = rows.map(({ name, node, since, make }) => [
    name,
    node ?? "all nodes",
    since === null ? `missing. Make it: ${make}` : `since ${since.toISOString()}`,
  ]);
  stdout.write(table.length === 0 ? "no node needs a secret\n" : formatTable(table));
  return 0;
}

/** A value that nothing reads is most often a typo, and would lie there for ever. */
function requireNeeded(needed: readonly Needed[], wanted: SecretName): void {
  const known = needed.map(describeName);
  if (known.includes(describeName(wanted))) return;
  throw new ImagectlError("SECRET_UNKNOWN", `nothing in the cluster reads ${describeName(wanted)}`, {
    hint: `${hintForName(describeName(wanted), known)} See: imagectl secrets list`,
  });
}

async function readInput(from: string): Promise<Uint8Array> {
  try {
    return await readFile(from === "-" ? "/dev/stdin" : from);
  } catch (error) {
    throw new ImagectlError("SECRET_UNREADABLE", `cannot read ${from}: ${describeError(error)}`, {
      hint: "Name the file that holds the value: --from FILE, or --from - for standard input",
      cause: error,
    });
  }
}

/** sudo(8) says who called it. */
export function whoAsks(env: CommandIo["env"]): string {
  return env.SUDO_USER ?? env.USER ?? "root";
}
