/** The kernel command line that the boot script carries: tokens expanded, and none that iPXE would read as its own. */
import type { Ipv4Address, MacAddress } from "../../address.ts";
import { type Finding, ImagectlError } from "../../errors.ts";

/** What stands in braces in a manifest's command line. */
export type CommandLineValues = {
  readonly seedUrl: string;
  readonly artefactsUrl: string;
  readonly address: Ipv4Address;
  readonly prefixLength: number;
  readonly mac: MacAddress;
  readonly bastionAddress: Ipv4Address;
  readonly hostname: string;
  readonly domain: string;
  /** A token `{kernelArguments}` becomes these, however many. */
  readonly kernelArguments: readonly string[];
};

/** x86 Linux takes 2048 bytes with the final zero (COMMAND_LINE_SIZE in arch/x86/include/asm/setup.h). */
const longestCommandLine = 2047;

/**
 * Expands a manifest's command line.
 * @throws ImagectlError KERNEL_ARGUMENT_INVALID for an unknown name in braces, for a token that iPXE would
 *   interpret, and for a line longer than the kernel takes.
 */
export function expandCommandLine(template: readonly string[], values: CommandLineValues): readonly string[] {
  // As PXELINUX writes it.
  const known = { ...values, macWithHyphens: values.mac.replaceAll(":", "-") };
  const tokens = template.flatMap((token) =>
    token === "{kernelArguments}" ? values.kernelArguments : [expandToken(token, known)],
  );
  const problem = findArgumentProblems(tokens, "kernel command line")[0];
  if (problem !== undefined) {
    throw new ImagectlError(problem.code, `${problem.where}: ${problem.message}`, { hint: problem.hint });
  }
  const length = tokens.join(" ").length;
  if (length > longestCommandLine) {
    throw new ImagectlError(
      "KERNEL_ARGUMENT_INVALID",
      `the kernel command line has ${length} characters; the kernel takes ${longestCommandLine}`,
      { hint: "Shorten kernelArguments in cluster.yaml." },
    );
  }
  return tokens;
}

type KnownValues = CommandLineValues & { readonly macWithHyphens: string };

function expandToken(token: string, values: KnownValues): string {
  return token.replaceAll(/\{([A-Za-z]+)\}/g, (_whole, name: string) => {
    const value = Object.hasOwn(values, name) ? values[name as keyof KnownValues] : undefined;
    if (typeof value === "string" || typeof value === "number") return String(value);
    throw new ImagectlError("KERNEL_ARGUMENT_INVALID", `${token}: there is no value called ${name}`, {
      hint: `These are known: ${Object.keys(values).join(", ")}. {kernelArguments} must stand alone.`,
    });
  });
}

/**
 * iPXE has no quoting: its lines are split at white space, `${` is always expanded, `#` at the beginning of a
 * word starts a comment, and `||`, `&&` and `;` end a command. What cannot be said is refused, before arming.
 */
export function findArgumentProblems(tokens: readonly string[], where: string): readonly Finding[] {
  return tokens.flatMap((token) => {
    const reason = whyNotInScript(token);
    if (reason === undefined) return [];
    const shown = JSON.stringify(token);
    return [
      {
        code: "KERNEL_ARGUMENT_INVALID",
        where,
        message: `the argument ${shown} ${reason}`,
        hint: "Remove it from kernelArguments in cluster.yaml, or set it from a role's files instead.",
        severity: "error",
      } as const,
    ];
  });
}

function whyNotInScript(token: string): string | undefined {
  if (token === "") return "is empty";
  if (!/^[\x21-\x7e]+$/.test(token)) return "has white space or characters other than printable ASCII";
  if (token.includes("${")) return "contains ${, which iPXE expands";
  if (token.startsWith("#")) return "begins with #, which starts a comment in iPXE";
  if (token === "||" || token === "&&" || token === ";") return "ends a command in iPXE";
  if (token.endsWith("\\")) return "ends with a backslash, which joins lines in iPXE";
  return undefined;
}
