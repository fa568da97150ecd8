/** Lints one autoinstall document: everything that would go wrong on the machine, with its place and what to do. */
import { type Finding, inFileOrder } from "../../errors.ts";
import { parseYamlFile } from "../../yaml-file.ts";
import { isOfKeyTwice } from "../../yaml-problem.ts";
import { checkBootPartition } from "./boot-partition.ts";
import { checkCommands } from "./command-traps.ts";
import { type Command, commandsOf } from "./commands.ts";
import { checkDelivery, checkRelease } from "./delivery.ts";
import { checkIdentity, checkLogin, checkPasswords, checkPublicKeys } from "./login.ts";
import { checkDiskActions, checkDisks, checkMatch } from "./match.ts";
import { checkNetwork } from "./network.ts";
import {
  checkInteractive,
  checkKeys,
  checkMirrors,
  checkNetplanKeys,
  checkReporting,
  checkSource,
  checkUserData,
} from "./shape-checks.ts";
import { checkShellSyntax } from "./shell-syntax.ts";
import { checkSizes } from "./size.ts";
import { checkSshdOptions } from "./sshd-options.ts";
import { checkActions, checkLayout } from "./storage.ts";
import { type Aim, type Check, makeSubject } from "./subject.ts";

const checks: readonly Check[] = [
  checkRelease,
  checkKeys,
  checkUserData,
  checkSource,
  checkInteractive,
  checkReporting,
  checkMirrors,
  checkNetplanKeys,
  checkNetwork,
  checkIdentity,
  checkPasswords,
  checkPublicKeys,
  checkLogin,
  checkLayout,
  checkMatch,
  checkDiskActions,
  checkDisks,
  checkActions,
  checkSizes,
  checkBootPartition,
  checkCommands,
  checkSshdOptions,
];

/** @returns every finding, in the order of the file. */
export async function lintDocument(text: string, fileName: string, aim: Aim): Promise<Finding[]> {
  const { findings, commands } = lintText(text, fileName, aim);
  return inFileOrder([...findings, ...(await checkShellSyntax(commands))]);
}

/** All that can be said without a shell, and the commands that are left for one. Pure. */
export function lintText(
  text: string,
  fileName: string,
  aim: Aim,
): { readonly findings: readonly Finding[]; readonly commands: readonly Command[] } {
  const file = parseYamlFile(text, fileName, { version: "1.1" });
  if (file.findings.some(({ severity }) => severity === "error")) {
    return { findings: sayYamlErrors(file.findings), commands: [] };
  }
  const subject = makeSubject(file, text, aim);
  const frame = checkDelivery(subject);
  // Without a frame there is nothing to look at, and each further finding would be noise.
  if (frame.some(({ code }) => code === "AUTOINSTALL_MISSING")) return { findings: frame, commands: [] };
  return {
    findings: [...file.findings, ...frame, ...checks.flatMap((check) => check(subject))],
    commands: commandsOf(subject),
  };
}

/** After a first error of syntax most others are its echo; a key that stands twice is none of them. */
function sayYamlErrors(findings: readonly Finding[]): Finding[] {
  const say = (finding: Finding, effect: string): Finding => ({
    ...finding,
    message: `${finding.message}: ${effect}`,
  });
  return [
    ...findings
      .filter(isOfKeyTwice)
      .map((finding) => say(finding, "the installer takes the last one without a word")),
    ...findings
      .filter((finding) => !isOfKeyTwice(finding))
      .slice(0, 1)
      .map((finding) => say(finding, "nothing of the document is read")),
  ];
}
