/** The man page imagectl(1), in mdoc(7): from the commands themselves, so it cannot drift. Pure. */
import type { Command, OptionSpec } from "./command.ts";

export type ManPageHead = {
  readonly version: string;
  /** `November 24, 2026`: shown at its foot, as mdoc(7) writes dates. */
  readonly date: string;
};

/** @returns the page's source for groff and mandoc. */
export function formatManPage(
  commands: ReadonlyMap<string, Command>,
  { version, date }: ManPageHead,
): string {
  return [
    `.Dd ${date}`,
    ".Dt IMAGECTL 1",
    `.Os imagectl ${version}`,
    ...[".Sh NAME", ".Nm imagectl", ".Nd bootable node images and PXE provisioning for a cluster"],
    ...[".Sh SYNOPSIS", ".Nm", ".Ar COMMAND", ".Op Ar OPTION ..."],
    ".Sh DESCRIPTION",
    ...text(
      "A bare node is switched on, boots from the network, and minutes later is a finished, hardened and proven member of the cluster. One file, cluster.yaml, says what the cluster is. These commands are for the bastion of that cluster.",
    ),
    ".Sh COMMANDS",
    ".Bl -tag -width Ds",
    ...[...commands].flatMap(([name, command]) => describe(name, command)),
    ".El",
    ...closing,
    "",
  ].join("\n");
}

function describe(name: string, { usage, summary, options }: Command): string[] {
  const rows = Object.entries(options).flatMap(([option, spec]) => [
    `.It Fl Fl ${escapeWord(option)}${spec.type === "string" ? ` Ar ${escapeWord(spec.valueName ?? "VALUE")}` : ""}`,
    ...text(describeOption(spec)),
  ]);
  const list = rows.length === 0 ? [] : [".Bl -tag -width Ds", ...rows, ".El"];
  return [
    `.It Ic ${escapeWord(usage.slice(name.length).trim() === "" ? name : usage)}`,
    ...text(`${capital(summary)}.`),
    ...list,
  ];
}

function describeOption(spec: OptionSpec): string {
  return spec.short === undefined ? spec.description : `${spec.description} Short: -${spec.short}.`;
}

function capital(sentence: string): string {
  return sentence.slice(0, 1).toUpperCase() + sentence.slice(1);
}

/** A line that begins with a dot or an apostrophe would be a command of roff; a new sentence wants a new line. */
function text(sentences: string): string[] {
  return sentences
    .replaceAll("\n", " ")
    .split(/(?<=[.?!][)"']*) +/)
    .flatMap((sentence) => fold(sentence.trim().split(/ +/)))
    .map(escapeText)
    .map((line) => (/^[.']/.test(line) ? `\\&${line}` : line));
}

/** Characters of a source line, before escapes. mandoc(1) finds 80 too long. */
const widestLine = 66;

function fold(words: readonly string[]): string[] {
  const lines: string[] = [];
  for (const word of words) {
    const last = lines.at(-1);
    if (last === undefined || last.length + word.length >= widestLine) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}

/** groff_char(7): what is not ASCII by number, and a hyphen that is meant as a minus. */
function escapeText(line: string): string {
  const ascii = line.replaceAll("\\", "\\e").replaceAll("-", "\\-");
  return [...ascii]
    .map((character) => {
      const code = character.codePointAt(0) as number;
      return code < 128 ? character : `\\[u${code.toString(16).toUpperCase().padStart(4, "0")}]`;
    })
    .join("");
}

/** One argument of a macro; words that are macros themselves and punctuation must not be read as such. */
function escapeWord(words: string): string {
  return escapeText(words)
    .split(" ")
    .map((word) =>
      /^([A-Z][a-z]|[.,:;()[\]?!|])$/.test(word) ? `\\&${word}` : word.replaceAll('"', "\\(dq"),
    )
    .join(" ");
}

const closing = [
  ".Sh ENVIRONMENT",
  ".Bl -tag -width Ds",
  ...variable("IMAGECTL_CLUSTER", "The cluster file."),
  ...variable("IMAGECTL_STATE", "Keys, secrets, database and images.", "Default: /var/lib/imagectl."),
  ...variable("IMAGECTL_RUN", "The socket for operators.", "Default: /run/imagectl."),
  ...variable("IMAGECTL_CACHE", "Downloads of builds.", "Default: ~/.cache/imagectl."),
  ".El",
  ".Sh FILES",
  ".Bl -tag -width Ds",
  ...[".It Pa /etc/imagectl/cluster.yaml", "The cluster, where the service looks for it."],
  ...[".It Pa /etc/default/imagectl", "Settings of the service."],
  ...[".It Pa /var/lib/imagectl", "The state."],
  "The keys in it are the only way into nodes that run: see",
  ".Ic backup .",
  ...[".It Pa /usr/share/doc/imagectl/operate.md", "Install, upgrade, back up, restore, move the bastion."],
  ".El",
  ".Sh EXIT STATUS",
  "0: done.",
  "2: something was found, or the command line was not understood.",
  "1: it failed, and the last lines say why and what to do next.",
  "70: a defect of ours.",
  ".Sh EXAMPLES",
  ".Bd -literal -offset indent",
  "imagectl validate /etc/imagectl/cluster.yaml",
  "imagectl build \\-\\-os debian\\-12",
  "systemctl enable \\-\\-now imagectl",
  "imagectl arm node1",
  "imagectl watch",
  ".Ed",
  ".Sh SEE ALSO",
  ".Xr age 1 ,",
  ".Xr mmdebstrap 1 ,",
  ".Xr systemctl 1",
];

function variable(name: string, ...lines: readonly string[]): string[] {
  return [`.It Ev ${name}`, ...lines.map(escapeText)];
}
