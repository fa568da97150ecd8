/** `imagectl selftest --iso FILE`: what of our beliefs about a vendor's ISO holds, as a report to send back. */
import { writeFile } from "node:fs/promises";
import { describeError, ImagectlError } from "../errors.ts";
import { requireTools } from "../images/build-room.ts";
import { type Fact, judgeFindings } from "../images/installer/facts.ts";
import { type Installer, installers, isoFileName } from "../images/installer/installers.ts";
import { isoTools } from "../images/installer/iso-file.ts";
import { type LookedAt, lookAtIso } from "../images/installer/look-at-iso.ts";
import { openProgress } from "../images/step-progress.ts";
import { terminalLine } from "../terminal-text.ts";
import { version } from "../version.ts";
import { showText, untilInterrupted } from "./build-display.ts";
import { type CommandIo, defineCommand, jsonOption } from "./command.ts";
import { formatTable } from "./table.ts";

export const command = defineCommand({
  summary: "look at an installer's ISO: which of the facts that imagectl relies on hold; writes a report",
  usage: "selftest --iso FILE [--sums FILE] [--out FILE] [--json]",
  options: {
    iso: { type: "string", valueName: "FILE", description: "The ISO, as its vendor publishes it." },
    sums: {
      type: "string",
      valueName: "FILE",
      description: "SHA256SUMS, with SHA256SUMS.gpg beside it. Default: in the folder of the ISO.",
    },
    out: {
      type: "string",
      valueName: "FILE",
      description: "Where the report goes. Default: selftest-VERSION.json, here.",
    },
    ...jsonOption,
  },
  positionals: { min: 0, max: 0 },
  run: ({ values }, io) => selftest(installers, values, io),
});

type Values = {
  readonly iso?: string | undefined;
  readonly sums?: string | undefined;
  readonly out?: string | undefined;
  readonly json?: boolean | undefined;
};

/** @returns the exit code: 0 where nothing differs, 2 otherwise. @throws ImagectlError USAGE, TOOL_MISSING, ISO_…. */
export async function selftest(known: readonly Installer[], values: Values, io: CommandIo): Promise<number> {
  const { iso, sums, json } = values;
  if (iso === undefined) {
    throw new ImagectlError("USAGE", "selftest wants an ISO", { hint: "imagectl selftest --iso FILE" });
  }
  await requireTools(isoTools);
  return untilInterrupted(io, { show: showText(io) }, async ({ signal, onEvent }) => {
    const image = "selftest";
    const progress = openProgress({ image, total: 3, now: () => new Date(), signal, onEvent });
    const looked = await lookAtIso({ file: iso, sums }, { installers: known, progress, signal });
    const facts = judgeFindings(looked.installer, looked.findings);
    const report = reportOf(looked, facts);
    const out = values.out ?? `selftest-${looked.findings.info.version}.json`;
    await writeReport(out, `${JSON.stringify(report, null, 2)}\n`);
    io.stdout.write(json === true ? `${JSON.stringify(report, null, 2)}\n` : formatFacts(facts, out));
    return facts.some(({ verdict }) => verdict === "differs") ? 2 : 0;
  });
}

/** Nothing of the machine that it was made on: no name, no path, no address. */
function reportOf({ installer, findings }: LookedAt, facts: readonly Fact[]) {
  const { info, bytes, sha256, files } = findings;
  const isPackage = (path: string) => path.startsWith("pool/");
  return {
    schema: 1,
    imagectl: version,
    os: installer.os,
    iso: { officialName: isoFileName(info.version, info.architecture), ...info, bytes, sha256 },
    facts,
    files: Object.fromEntries([...files].filter(([path]) => !isPackage(path)).sort()),
    packages: [...files.keys()].filter(isPackage).length,
  };
}

async function writeReport(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text);
  } catch (error) {
    throw new ImagectlError("OUTPUT_NOT_WRITTEN", `the report was not written: ${describeError(error)}`, {
      hint: "Name a file in a folder that exists and that you may write to: --out FILE",
      cause: error,
    });
  }
}

function formatFacts(facts: readonly Fact[], out: string): string {
  const rows = facts.map(({ verdict, claim, found }) => [verdict, claim, terminalLine(found)]);
  const count = (wanted: Fact["verdict"]) => facts.filter(({ verdict }) => verdict === wanted).length;
  const sum = `${count("holds")} hold, ${count("differs")} differ, ${count("unknown")} unknown`;
  return `${formatTable(rows)}${sum}\nThe report is ${out}: send it with what you found. It says nothing of this machine.\n`;
}
