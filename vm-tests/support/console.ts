/** A person at a machine's console: types to programs on a terminal, after the words that they wait for. */
import type { CommandAnswer } from "../../src/verify/report.ts";

/** Wait until the terminal shows this (a basic regular expression, since the last thing that was typed), then type. */
export type Dialogue = readonly { readonly after: string; readonly type: string }[];

/** How long a prompt may take. Seconds: login(1) waits 3 after a wrong password. */
const promptSeconds = 15;

/**
 * Makes the POSIX sh script that starts a program on a terminal of its own and holds the dialogue. What is typed goes
 * in by files: it is not on any command line. A prompt that does not come ends it, and what was shown is the answer.
 */
export function consoleScript(command: string, dialogue: Dialogue): string {
  const steps = dialogue.map(({ after, type }) => `expect ${quoted(after)} && type ${quoted(type)}`);
  return `folder=$(mktemp -d); cd "$folder"; : >shown; seen=0; mkfifo keys
expect() {
  for _ in $(seq ${promptSeconds * 10}); do
    tail -c +$((seen + 1)) shown | grep -q -e "$1" && return 0
    sleep 0.1
  done
  return 1
}
# A prompt throws away what was typed before it.
type() { seen=$(stat -c %s shown); sleep 0.3; printf '%s\\n' "$1" >&9; }
script -qfec ${quoted(command)} shown <keys >/dev/null 2>&1 &
exec 9>keys
{ ${steps.join(" && ")} && expect '^logout\\|closed\\|incorrect'; } || echo "no answer to the last line" >>shown
exec 9>&-
kill $! 2>/dev/null
cat shown
rm -rf "$folder"
`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** What a terminal shows has carriage returns. */
export function shownBy(answer: CommandAnswer): string {
  return answer.stdout.replaceAll("\r", "");
}
