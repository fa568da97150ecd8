/** What `--help` prints: from the commands themselves, so it cannot drift. */
import type { Command } from "./command.ts";

/** @returns the list of all commands with their one-line summaries. */
export function formatOverview(commands: ReadonlyMap<string, Command>): string {
  const width = Math.max(...[...commands.keys()].map((name) => name.length));
  const lines = [...commands].map(([name, command]) => `  ${name.padEnd(width)}  ${command.summary}`);
  return `Usage: imagectl COMMAND [OPTION…]\n\n${lines.join("\n")}\n\nA new cluster: init, validate, build, serve, arm, watch. More: imagectl COMMAND --help\n`;
}

/** @returns usage, summary and every option of one command. */
export function formatCommandHelp(command: Command): string {
  const options = Object.entries(command.options).map(([name, option]) => {
    const short = option.short === undefined ? "" : `-${option.short}, `;
    const value = option.type === "string" ? ` ${option.valueName ?? "VALUE"}` : "";
    return [`${short}--${name}${value}`, option.description] as const;
  });
  const rows = [...options, ["--help", "Print this."] as const];
  const width = Math.max(...rows.map(([left]) => left.length));
  const lines = rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
  return `Usage: imagectl ${command.usage}\n\n${command.summary}\n\n${lines.join("\n")}\n`;
}
