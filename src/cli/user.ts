/** `imagectl user import-keys`: takes a person's public keys over into the cluster file, once, where all can read them. */
import { addUserKeys } from "../cluster/edit.ts";
import {
  compareKeys,
  fingerprintOf,
  type KeyComparison,
  type OfferedKeys,
  readOfferedKeys,
} from "../cluster/offered-keys.ts";
import { ImagectlError } from "../errors.ts";
import { type CommandIo, defineCommand, jsonOption } from "./command.ts";
import { confirm, yesOption } from "./confirm.ts";
import { type EditAnswer, planEdit, writeEdit } from "./edit-cluster.ts";
import { fetchKeys, readKeysFile } from "./fetch-keys.ts";
import { clusterFile, clusterOption } from "./plan-context.ts";
import { formatTable } from "./table.ts";

const forge = "https://github.com";

export const command = defineCommand({
  summary:
    "take a person's public keys from GitHub, another forge or a file into the cluster file, and show the change",
  usage:
    "user import-keys NAME --github ACCOUNT | --keys-from FILE [--uid N] [--server URL] [--dry-run] [--yes] [--cluster FILE] [--json]",
  options: {
    github: {
      type: "string",
      valueName: "ACCOUNT",
      description: "Take what the forge lists for this account.",
    },
    server: {
      type: "string",
      valueName: "URL",
      description: `Another forge than ${forge}, asked the same way: URL/ACCOUNT.keys.`,
    },
    "keys-from": {
      type: "string",
      valueName: "FILE",
      description: "Take the lines of this file instead; - is standard input.",
    },
    uid: { type: "string", valueName: "N", description: "Make the user, with this number." },
    "dry-run": { type: "boolean", description: "Show the change, and write nothing." },
    ...yesOption,
    ...clusterOption,
    ...jsonOption,
  },
  positionals: { min: 2, max: 2 },
  words: [["import-keys"], "nothing"],
  async run({ values, positionals: [verb, name = ""] }, io) {
    if (verb !== "import-keys") {
      throw new ImagectlError("USAGE", `user ${verb} is not known`, {
        hint: "imagectl user import-keys NAME --github ACCOUNT",
      });
    }
    const file = clusterFile(values.cluster, io.env);
    const uid = values.uid === undefined ? undefined : readUid(values.uid);
    const offered = await askFor(values);
    let comparison: KeyComparison = { added: [], kept: [], absent: [] };
    const planned = await planEdit(file, (source) => {
      const present = source.cluster.users.find((user) => user.name === name)?.keys ?? [];
      comparison = compareKeys(present, offered.keys);
      return addUserKeys(source, name, comparison.added, uid);
    });
    const isDryRun = values["dry-run"] === true;
    if (values.json !== true) show(offered, comparison, io);
    if (!isDryRun) {
      if (isSomebodyElse(comparison)) {
        io.stderr.write(
          `warning: none of ${name}'s keys is among these: is it still the same person's account?\n`,
        );
        await confirm(io, values.yes === true, `Give ${name}'s account to whoever has the new keys`);
      }
      await writeEdit(planned);
    }
    if (values.json === true)
      io.stdout.write(`${JSON.stringify(asJson(planned, comparison, offered, isDryRun), null, 2)}\n`);
    else io.stdout.write(planned.diff);
    io.stderr.write(`${closing(planned, isDryRun)}\n`);
    return 0;
  },
});

type Sources = { readonly github?: string; readonly server?: string; readonly "keys-from"?: string };

async function askFor({ github, server = forge, "keys-from": file }: Sources): Promise<OfferedKeys> {
  if ((github === undefined) === (file === undefined)) {
    throw new ImagectlError("USAGE", "user import-keys: from where?", {
      hint: "One of the two: --github ACCOUNT, or --keys-from FILE with one public key per line",
    });
  }
  const [text, from] =
    github === undefined
      ? [await readKeysFile(file === "-" ? "/dev/stdin" : (file ?? "")), file ?? ""]
      : [await fetchKeys(server, github), `${github}@${new URL(server).hostname}`];
  const offered = readOfferedKeys(text, from.replaceAll(/\s+/g, "-"));
  if (offered.keys.length > 0) return offered;
  const reasons = offered.refused.map(({ line, message }) => `line ${line}: ${message}`);
  throw new ImagectlError(
    "KEYS_NOT_OFFERED",
    `${from} has no key that can be taken: ${reasons.join("; ") || "it is empty"}`,
    {
      hint: "Have one made: ssh-keygen -t ed25519",
    },
  );
}

function readUid(text: string): number {
  if (/^[0-9]{1,9}$/.test(text)) return Number(text);
  throw new ImagectlError("USAGE", `--uid ${text} is no number`, { hint: "For example: --uid 10003" });
}

function isSomebodyElse({ added, kept, absent }: KeyComparison): boolean {
  return added.length > 0 && kept.length === 0 && absent.length > 0;
}

function show({ refused }: OfferedKeys, { added, kept, absent }: KeyComparison, { stderr }: CommandIo): void {
  const row = (line: string, what: string): string[] => [fingerprintOf(line), line.split(" ")[0] ?? "", what];
  const rows = [
    ...added.map((line) => row(line, "new")),
    ...kept.map((line) => row(line, "there already")),
    ...absent.map((line) => row(line, "in the file alone; if it is no longer good, delete its line")),
  ];
  stderr.write(formatTable(rows));
  for (const { line, message } of refused) stderr.write(`not taken: line ${line}: ${message}\n`);
}

function asJson(
  answer: EditAnswer,
  comparison: KeyComparison,
  { refused }: OfferedKeys,
  isDryRun: boolean,
): object {
  const described = (lines: readonly string[]) =>
    lines.map((line) => ({ fingerprint: fingerprintOf(line), line }));
  const { added, kept, absent } = comparison;
  const keys = { added: described(added), kept: described(kept), absent: described(absent), refused };
  const { file, isChanged, diff } = answer;
  return { file, isChanged, isDryRun, diff, ...keys };
}

function closing({ file, isChanged, nodes }: EditAnswer, isDryRun: boolean): string {
  if (!isChanged) return `nothing is new; ${file} stays as it is`;
  if (isDryRun) return `dry run: ${file} stays as it is`;
  return nodes.length === 0 ? `${file} is written` : `${file} is written. Next: sudo imagectl apply --all`;
}
