/**
 * What Ubuntu's installer and cloud-init post while they work, as few stages and one cause. Names and their order were
 * recorded from subiquity 24.04.4 with its curtin, and from cloud-init 25.1; a name that is not known here is chatter.
 */
import { z } from "zod";
import { ImagectlError } from "../errors.ts";
import { terminalLine } from "../terminal-text.ts";
import { type AttemptState, type InstallerReport, type InstallerStage, installerStages } from "./event.ts";
import { parseJson } from "./parse-json.ts";

/** Kept of a name and of a text, characters. Our choice: curtin's deepest names have 150. */
const longestText = 300;

/** One event as curtin's and cloud-init's webhook reporters write it; what else is in it is not needed. */
const ReportBody = z.object({
  // Cut before any pattern looks at it: a hostile name must not cost more than a long one.
  name: z.string().transform((text) => text.slice(0, longestText).replace(/\/+$/, "")),
  description: z.string().default(""),
  event_type: z.string(),
  result: z.string().optional(),
  origin: z.string().optional(),
});
type ReportBody = z.output<typeof ReportBody>;

/** By the name of what starts; the first that fits. What is not here, such as every change of a network link, is chatter. */
const stageOfName: readonly (readonly [RegExp, InstallerStage])[] = [
  [/^subiquity\/Shutdown\/shutdown$/, "restarting"],
  [/^subiquity\/Shutdown\/copy_logs_to_target/, "copying-logs"],
  [/^subiquity\/Late\/run/, "late-commands"],
  [/\/postinstall\/(install_|ubuntu-drivers-install|run_unattended_upgrades)/, "installing-packages"],
  [/^subiquity\/Install\/install\/postinstall/, "configuring"],
  [/\/stage-curthooks/, "installing-kernel"],
  [/\/stage-extract/, "copying-system"],
  [/\/stage-partitioning/, "partitioning"],
  [/^subiquity\/(Early\/run|core_validation|Install\/install\/configure_apt)/, "preparing"],
  [/^subiquity\/(\w+\/)?(load|apply)_autoinstall_/, "preparing"],
];

/** cloud-init's own stages; below them is a name for each of its modules. */
const cloudInitStage = /^(init-local|init-network|modules-config|modules-final)$/;

/**
 * Where a failure can end the installation. Beside it subiquity probes disks, drivers and mirrors, and a failure there
 * is handled by whoever asked.
 */
const canEndIt = /^subiquity\/(Install|Late|Early|Shutdown|core_validation)\b|_autoinstall_/;

/** When one of these fails, subiquity's state is ERROR: nothing runs any more but the error-commands. */
const endsIt = /^subiquity\/(Install\/install|(Early|Late)\/run|(load|apply)_autoinstall_config)$/;

/** What subiquity starts when it gave up: a crash report of an error that nobody caught, then the error-commands. */
const startsAfterEnd = /^subiquity\/(Error\/run|ErrorReporter\/[^/]*\.(install_fail|unknown)\/add_info)$/;

/** Commands of ours and of the operator: their text may hold a token or a password. */
const isCommand = /^subiquity\/(Early|Late)\/run/;

/**
 * @param body what was posted: one JSON object.
 * @returns undefined for what is not worth keeping: nearly all of several hundred events.
 * @throws ImagectlError EVENT_MALFORMED, naming the field.
 */
export function parseInstallerReport(body: string): InstallerReport | undefined {
  const parsed = ReportBody.safeParse(parseJson(body, malformed));
  if (!parsed.success) {
    const problems = parsed.error.issues.map(
      (issue) => `${issue.path.join(".") || "report"}: ${issue.message}`,
    );
    throw malformed(problems.join("; "));
  }
  const report = parsed.data;
  return report.origin === "cloudinit" ? fromCloudInit(report) : fromSubiquity(report);
}

function fromCloudInit(report: ReportBody): InstallerReport | undefined {
  if (report.event_type === "start" && cloudInitStage.test(report.name)) {
    return { stage: "cloud-init", text: shortened(report.description) };
  }
  return isFailure(report) ? failed(report, false) : undefined;
}

function fromSubiquity(report: ReportBody): InstallerReport | undefined {
  const { name } = report;
  if (report.event_type === "start") {
    if (startsAfterEnd.test(name)) return { failure: shortened(name), text: "", isFinal: true };
    const stage = stageOfName.find(([pattern]) => pattern.test(name))?.[1];
    if (stage === undefined) return undefined;
    return { stage, text: isCommand.test(name) ? "" : shortened(report.description) };
  }
  return isFailure(report) && canEndIt.test(name) ? failed(report, endsIt.test(name)) : undefined;
}

/** What subiquity cancels itself, such as a probe that it starts anew, ends with FAIL as well. */
function isFailure({ event_type, result, description }: ReportBody): boolean {
  if (event_type === "error") return true;
  return event_type === "finish" && result === "FAIL" && description !== "cancelled";
}

function failed({ name, description }: ReportBody, isFinal: boolean): InstallerReport {
  const text = withoutCommand(description, isCommand.test(name));
  return { failure: shortened(name), text: shortened(text), isFinal };
}

/** Python says `Command '…' returned non-zero exit status 1.`: the status is worth keeping, a whole command is not. */
function withoutCommand(description: string, isOnlyCommand: boolean): string {
  const end = /^Command .*' ((returned non-zero exit status|died with) [^']*?)\.?$/s.exec(description);
  if (end !== null) return `a command ${end[1]}`;
  return isOnlyCommand || description.startsWith("Command '") ? "" : description;
}

function shortened(text: string): string {
  return terminalLine(text.slice(0, longestText)).trim();
}

/**
 * Is the report to be kept? One of each stage is, and one of each failure: what fails first is the cause, and what
 * fails after it up the stack is the same failure. A start after a failure says that the installer tries again.
 */
export function isInstallerNews(state: AttemptState, report: InstallerReport): boolean {
  const { stage, failure } = state.installer ?? {};
  if (state.stage === "failed") return false;
  if ("failure" in report) return failure === undefined || (report.isFinal && !failure.isFinal);
  return failure !== undefined || stage === undefined || comesAfter(report.stage, stage);
}

/** Work that goes on beside the main line must not take a node back, but the installed system begins with cloud-init again. */
function comesAfter(next: InstallerStage, last: InstallerStage): boolean {
  if (next === "cloud-init") return last === "restarting";
  return installerStages.indexOf(next) > installerStages.indexOf(last);
}

/** @returns where the installer's own log of it is, on the node. */
export function logOfFailure(name: string): string {
  if (/^subiquity\/(Early|Late)\//.test(name)) return "journalctl -b";
  return /\/(curtin|cmd-)/.test(name)
    ? "/var/log/installer/curtin-install.log"
    : "/var/log/installer/subiquity-server-debug.log";
}

/** What cloud-init's phone_home says of the system that it runs in. Its host keys are not read: our CA signed them. */
export type PhoneHome = { readonly instanceId: string; readonly hostname: string; readonly fqdn: string };

/**
 * @param body form-encoded, as cloud-init 25.1 posts it; what it does not know is `N/A`.
 * @throws ImagectlError EVENT_MALFORMED without a host name.
 */
export function parsePhoneHome(body: string): PhoneHome {
  const fields = new URLSearchParams(body);
  const read = (field: string): string => shortened(fields.get(field) ?? "");
  const hostname = read("hostname");
  if (hostname === "") throw malformed("hostname: it is missing");
  return { instanceId: read("instance_id"), hostname, fqdn: read("fqdn") };
}

function malformed(problem: string, cause?: unknown): ImagectlError {
  return new ImagectlError("EVENT_MALFORMED", `a report of an installer was refused: ${problem}`, {
    hint: "The installation goes on without it. What the installer says: the node's console",
    ...(cause === undefined ? {} : { cause }),
  });
}
