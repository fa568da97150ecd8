/** The bastion as one of the machines that commands act on: here, without the server and without ssh. */
import { applyHere, requireThisMachine } from "../bastion/apply-here.ts";
import { certifyHostKey } from "../bastion/host-key.ts";
import { proveHere } from "../bastion/prove-here.ts";
import { ImagectlError } from "../errors.ts";
import { ensureKeys } from "../keys.ts";
import { statePaths } from "../paths.ts";
import { parseDryRun } from "../plan/apply-report.ts";
import { wholeOverlay } from "../plan/fill-secrets.ts";
import { planNode } from "../plan/make.ts";
import type { NodePlan } from "../plan/plan.ts";
import { isBastionName } from "../plan/subject.ts";
import { openSecrets } from "../secrets.ts";
import type { NodeDiff } from "../serve/operator-types.ts";
import { realCapabilities } from "../serve/serve.ts";
import type { CheckResult, Report } from "../verify/report.ts";
import type { CommandIo } from "./command.ts";
import { planInput } from "./plan-context.ts";

/** How long the operator has to log in anew. Seconds. Our choice: two logins and a moment of thought. */
export const confirmSeconds = 120;

/** Exit code of templates/apply.sh when a dry run found something. */
const foundSomething = 3;

/**
 * @param words of the command line: the bastion is named alone.
 * @returns its plan; undefined: the words are nodes' or groups'.
 */
export async function planOfBastion(
  words: readonly string[],
  cluster: string | undefined,
  env: CommandIo["env"],
): Promise<NodePlan | undefined> {
  const [name, ...others] = words;
  if (name === undefined || others.length > 0) return undefined;
  const input = await planInput(cluster, env).catch((error: unknown) => {
    // The other commands of nodes need no cluster file beside them: the server has it.
    if (error instanceof ImagectlError && name !== "bastion") return undefined;
    throw error;
  });
  return input === undefined || !isBastionName(input.cluster, name) ? undefined : planNode(input, name);
}

export type BastionApply = {
  readonly isDryRun: boolean;
  readonly confirmSeconds: number;
  readonly onLine: (line: string) => void;
};

/** @returns the apply script's exit code. */
export async function applyToBastion(
  plan: NodePlan,
  { isDryRun, confirmSeconds: seconds, onLine }: BastionApply,
  env: CommandIo["env"],
): Promise<number> {
  await requireThisMachine(plan);
  const overlay = await wholeOverlay(plan, openSecrets(statePaths(env).secrets));
  if (!isDryRun && (await certify(plan, env)))
    onLine("the host key is signed anew; a running sshd takes it with: systemctl reload ssh");
  return applyHere({ overlay, isDryRun, confirmSeconds: seconds, onLine });
}

async function certify({ node }: NodePlan, env: CommandIo["env"]): Promise<boolean> {
  const { hostCa } = await ensureKeys(statePaths(env).keys);
  const { hostname, domain, address } = node;
  return certifyHostKey({ hostname, domain, address, hostCa, now: new Date() });
}

/** What an apply would change; there is no image that a reinstall could bring. */
export async function compareBastion(plan: NodePlan, env: CommandIo["env"]): Promise<NodeDiff> {
  const lines: string[] = [];
  const options = { isDryRun: true, confirmSeconds, onLine: (line: string) => void lines.push(line) };
  const exitCode = await applyToBastion(plan, options, env);
  if (exitCode !== 0 && exitCode !== foundSomething) {
    throw new ImagectlError("COMMAND_FAILED", `the dry run failed\n${lines.slice(-12).join("\n")}`, {
      hint: `See it by itself: imagectl apply ${plan.node.hostname} --dry-run`,
    });
  }
  const layers = [plan.image, plan.node];
  const due = parseDryRun(lines).map((change) => ({
    ...change,
    role: layers
      .flatMap(({ files, commands }) => [
        ...files.filter(({ path }) => path === change.what),
        ...commands.filter(({ name }) => name === change.what),
      ])
      .map(({ role }) => role)[0],
  }));
  return { node: plan.node.hostname, due, reinstall: [], drift: [] };
}

export function proveBastion(plan: NodePlan, onResult: (result: CheckResult) => void): Promise<Report> {
  return proveHere({ node: plan.node, capabilities: realCapabilities, now: () => new Date(), onResult });
}
