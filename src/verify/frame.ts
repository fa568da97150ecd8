/** Wraps a check's script so that its end is proved: an answer without the closing line was cut off. */
import { ImagectlError } from "../errors.ts";
import { shellLine, shellQuote } from "../shell.ts";
import type { CommandAnswer } from "./report.ts";

/** Between the polite and the last signal to a command that ran too long. Seconds. Our choice. */
export const killAfterSeconds = 5;

const searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * The script with a time limit, the same environment everywhere, no standard input, and a last line that
 * carries its exit code. The code travels in the text because ssh and nsenter use exit codes of their own:
 * a lost connection (255) must not look like a program that refused.
 */
export function frameScript(
  script: string,
  timeoutSeconds: number,
  environment: Readonly<Record<string, string>> = {},
): string {
  // TMPDIR: a session's own, which the role hardening gives to each, is closed to users whom a check becomes.
  const own = { PATH: searchPath, HOME: "/root", LC_ALL: "C.UTF-8", TMPDIR: "/tmp" };
  const variables = { ...own, ...environment };
  const assignments = Object.entries(variables).map(([name, value]) => `${name}=${shellQuote(value)}`);
  const limited = shellLine([
    "timeout",
    "-k",
    String(killAfterSeconds),
    String(timeoutSeconds),
    "sh",
    "-c",
    script,
  ]);
  return `export ${assignments.join(" ")}\n${limited} </dev/null\nprintf '\\nimagectl-exit:%s\\n' "$?"\n`;
}

/**
 * @param place where the script ran, for the message.
 * @throws ImagectlError VANTAGE_UNREACHABLE when the closing line is missing.
 */
export function parseFramed(place: string, stdout: string, stderr: string): CommandAnswer {
  const end = /\nimagectl-exit:([0-9]{1,3})\n$/.exec(stdout);
  if (end === null) {
    const said = stderr.trim().split("\n").slice(-3).join(" / ") || "nothing was said";
    throw new ImagectlError("VANTAGE_UNREACHABLE", `${place} did not answer: ${said}`, {
      hint: `See whether it runs and is reachable: imagectl events, or ping ${place} from the bastion.`,
    });
  }
  return { exitCode: Number(end[1]), stdout: stdout.slice(0, end.index), stderr };
}
