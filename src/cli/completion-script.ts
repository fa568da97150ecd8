/** Completion scripts for shells, made from the table of commands: nothing in them can drift. Pure. */
import type { Command, WordSource } from "./command.ts";

export const shells = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof shells)[number];

type Entry = {
  readonly name: string;
  readonly summary: string;
  /** The first one is for the first word; the last one for all that follow. */
  readonly words: readonly WordSource[];
  readonly options: readonly {
    readonly name: string;
    readonly description: string;
    readonly takesValue: boolean;
  }[];
};

/** @returns a script for the shell to source. */
export function completionScript(shell: Shell, commands: ReadonlyMap<string, Command>): string {
  const entries = [...commands].map(
    ([name, command]): Entry => ({
      name,
      summary: command.summary,
      words: command.words ?? ["nothing"],
      options: [
        ...Object.entries(command.options).map(([option, spec]) => ({
          name: option,
          description: spec.description,
          takesValue: spec.type === "string",
        })),
        { name: "help", description: "Print how to call it.", takesValue: false },
      ],
    }),
  );
  switch (shell) {
    case "bash":
      return bashScript(entries);
    case "zsh":
      return zshScript(entries);
    case "fish":
      return fishScript(entries);
    default:
      return shell satisfies never;
  }
}

/** In single quotes; a quote in it ends them, stands escaped, and opens them again. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** `case` branches in bash and zsh alike: `$command` and `$place` (1 for the first word) give `$source`. */
function sourceCases(entries: readonly Entry[]): string {
  return entries
    .flatMap(({ name, words }) =>
      words.map((source, index) => {
        const isLast = index === words.length - 1;
        return `    ${name}:${isLast ? "*" : index + 1}) source=${quoted(describe(source))} ;;`;
      }),
    )
    .join("\n");
}

function describe(source: WordSource): string {
  return typeof source === "string" ? source : `words ${source.join(" ")}`;
}

function optionCases(entries: readonly Entry[]): string {
  return entries
    .map(({ name, options }) => `    ${name}) options=${quoted(flags(options).join(" "))} ;;`)
    .join("\n");
}

function flags(options: Entry["options"]): string[] {
  return options.map(({ name }) => `--${name}`);
}

/** Options whose value is the next word: files are offered there, since most of them are files. */
function valueFlags(entries: readonly Entry[]): string {
  const names = entries.flatMap(({ options }) => options.filter(({ takesValue }) => takesValue));
  return [...new Set(flags(names))].sort().join(" | ");
}

function bashScript(entries: readonly Entry[]): string {
  return `# bash completion of imagectl. For one shell: source <(imagectl completion bash)
_imagectl() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD - 1]} command=\${COMP_WORDS[1]-}
  local index place=1 source= options= words=
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W ${quoted(entries.map(({ name }) => name).join(" "))} -- "$current"))
    return
  fi
  case $previous in
    ${valueFlags(entries)}) COMPREPLY=($(compgen -f -- "$current")); return ;;
  esac
  for ((index = 2; index < COMP_CWORD; index++)); do
    case \${COMP_WORDS[index]} in -*) ;; *) place=$((place + 1)) ;; esac
  done
  case $command in
${optionCases(entries)}
  esac
  case $command:$place in
${sourceCases(entries)}
  esac
  case $current in -*) COMPREPLY=($(compgen -W "$options" -- "$current")); return ;; esac
  case $source in
    file) COMPREPLY=($(compgen -f -- "$current")); return ;;
    nodes | targets) words=$("\${COMP_WORDS[0]}" completion "$source" 2>/dev/null) ;;
    'words '*) words=\${source#words } ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o filenames -F _imagectl imagectl
`;
}

function zshScript(entries: readonly Entry[]): string {
  const described = entries.map(({ name, summary }) => quoted(`${name}:${summary.replaceAll(":", "\\:")}`));
  return `#compdef imagectl
# zsh completion of imagectl. For one shell: source <(imagectl completion zsh)
_imagectl() {
  local command=\${words[2]-} index place=1 source= options=
  local -a commands
  commands=(
    ${described.join("\n    ")}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  case \${words[CURRENT - 1]} in
    ${valueFlags(entries)}) _files; return ;;
  esac
  for (( index = 3; index < CURRENT; index++ )); do
    [[ \${words[index]} == -* ]] || (( place++ ))
  done
  case $command in
${optionCases(entries)}
  esac
  case $command:$place in
${sourceCases(entries)}
  esac
  if [[ \${words[CURRENT]} == -* ]]; then
    compadd -- \${=options}
    return
  fi
  case $source in
    file) _files ;;
    nodes | targets) compadd -- \${(f)"$(\${words[1]} completion $source 2>/dev/null)"} ;;
    'words '*) compadd -- \${=source#words } ;;
  esac
}
compdef _imagectl imagectl
`;
}

function fishScript(entries: readonly Entry[]): string {
  const lines = entries.flatMap(({ name, summary, words, options }) => {
    const seen = `__fish_seen_subcommand_from ${name}`;
    const [source = "nothing"] = words;
    return [
      `complete -c imagectl -n __fish_use_subcommand -f -a ${name} -d ${quoted(summary)}`,
      `complete -c imagectl -n ${quoted(seen)} ${fishWords(source)}`.trimEnd(),
      ...options.map(
        ({ name: option, description, takesValue }) =>
          `complete -c imagectl -n ${quoted(seen)} -l ${option}${takesValue ? " -r" : ""} -d ${quoted(description)}`,
      ),
    ];
  });
  return `# fish completion of imagectl. For one shell: imagectl completion fish | source
${lines.join("\n")}
`;
}

/** fish has no place of a word: what the first one may be is offered for all. */
function fishWords(source: WordSource): string {
  if (source === "file") return "-F";
  if (source === "nothing") return "-f";
  if (typeof source === "string") return `-f -a '(imagectl completion ${source} 2>/dev/null)'`;
  return `-f -a ${quoted(source.join(" "))}`;
}
