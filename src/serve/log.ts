/** The log of `imagectl serve`: time, who, what. One line each, for a person at 3 a.m. or as JSON for a collector. */
import { terminalLine } from "../terminal-text.ts";

export type LogLevel = "info" | "warning" | "error";

/**
 * @param subject `serve`, or the node that it is about.
 * @param text one sentence; control characters in it are made harmless.
 */
export type Log = (subject: string, text: string, level?: LogLevel) => void;

export type LogSettings = {
  readonly format: "text" | "json";
  /** @throws when the line could not be written; the server goes on, and the log says later what it lost. */
  readonly write: (line: string) => void;
  readonly now: () => Date;
};

/** Enough for most host names; longer ones push their line to the right. Characters. */
const subjectWidth = 12;

/** Lines without a level are normal progress; a warning is worth a look, an error needs a person. */
const marks: Readonly<Record<LogLevel, string>> = { info: "", warning: "warning: ", error: "ERROR: " };

export function createLog({ format, write, now }: LogSettings): Log {
  let lost = 0;
  const writeLine: Log = (subject, text, level = "info") => {
    const at = now();
    const message = terminalLine(text);
    write(
      format === "json"
        ? `${JSON.stringify({ at: at.toISOString(), level, subject, message })}\n`
        : `${localTime(at)}  ${terminalLine(subject).padEnd(subjectWidth)}  ${marks[level]}${message}\n`,
    );
  };
  return (subject, text, level) => {
    try {
      if (lost > 0) writeLine("serve", `${lost} lines of this log could not be written`, "warning");
      lost = 0;
      writeLine(subject, text, level);
    } catch {
      // Whoever cannot write its log has nowhere to say so; nodes must not wait for that.
      lost += 1;
    }
  };
}

/** The clock on the wall: who reads the log of a running server compares it with their watch. */
function localTime(at: Date): string {
  return [at.getHours(), at.getMinutes(), at.getSeconds()]
    .map((part) => String(part).padStart(2, "0"))
    .join(":");
}

/** How long the same line about the same subject is kept back after it was said. Milliseconds. Our choice. */
const quietMs = 60_000;
/** Subjects and lines remembered at once: machines of a whole hall, and an end to what a flood can use. */
const mostRemembered = 4_096;

/**
 * For lines that a stranger's machine causes as often as it likes: the same one is said once a minute, with how
 * often it was kept back since.
 */
export function quieted(log: Log, now: () => Date): Log {
  const said = new Map<string, { readonly atMs: number; readonly keptBack: number }>();
  return (subject, text, level = "info") => {
    const key = `${subject} ${text}`;
    const nowMs = now().getTime();
    const before = said.get(key);
    if (before !== undefined && Math.abs(nowMs - before.atMs) < quietMs) {
      said.set(key, { ...before, keptBack: before.keptBack + 1 });
      return;
    }
    if (said.size >= mostRemembered) said.clear();
    said.set(key, { atMs: nowMs, keptBack: 0 });
    const times =
      before === undefined || before.keptBack === 0 ? "" : ` (${before.keptBack} times more since)`;
    log(subject, `${text}${times}`, level);
  };
}
