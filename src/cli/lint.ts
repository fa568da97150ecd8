/** `imagectl lint FILE…`: what would go wrong with an Ubuntu autoinstall document, before a machine is switched on for it. */
import { readFile } from "node:fs/promises";
import { lintDocument } from "../cloud-init/lint/lint.ts";
import { parseMachine } from "../cloud-init/lint/machine.ts";
import { type Aim, firmwares, releases } from "../cloud-init/lint/subject.ts";
import { describeError, type Finding, formatFinding, ImagectlError } from "../errors.ts";
import { hintForName } from "../nearest.ts";
import { defineCommand, jsonOption } from "./command.ts";
import { countErrors, summarizeFindings } from "./findings-summary.ts";

export const command = defineCommand({
  summary: "check Ubuntu autoinstall documents: what would go wrong on the machine, with line and fix",
  usage: "lint FILE… [--machine PROBE.json] [--release RELEASE] [--firmware uefi|bios] [--json]",
  options: {
    machine: {
      type: "string",
      valueName: "PROBE.json",
      description: "What the installer's prober says of the machine: its disks and cards are compared.",
    },
    release: {
      type: "string",
      valueName: "RELEASE",
      description: `The installer's: ${releases.join(", ")}. Default: 24.04.`,
    },
    firmware: {
      type: "string",
      valueName: "uefi|bios",
      description: "What starts the machine. Default: either.",
    },
    ...jsonOption,
  },
  positionals: { min: 1, max: Number.POSITIVE_INFINITY },
  words: ["file"],
  async run({ values, positionals }, io) {
    const firmware = oneOf("--firmware", firmwares, values.firmware);
    const aim: Aim = {
      release: oneOf("--release", releases, values.release) ?? "24.04",
      ...(firmware === undefined ? {} : { firmware }),
      ...(values.machine === undefined
        ? {}
        : { machine: parseMachine(await read(values.machine), values.machine) }),
    };
    const files = positionals.map(async (file) => ({
      file,
      findings: await lintDocument(await read(file), file, aim),
    }));
    const results = await Promise.all(files);
    const all = results.flatMap(({ findings }) => findings);
    const isValid = countErrors(all) === 0;
    if (values.json === true) {
      io.stdout.write(`${JSON.stringify({ files: positionals, isValid, findings: all }, null, 2)}\n`);
    } else {
      for (const { file, findings } of results) io.stdout.write(describe(file, findings));
    }
    return isValid ? 0 : 2;
  },
});

function describe(file: string, findings: readonly Finding[]): string {
  const lines = findings.map((finding) => `${formatFinding(finding)}\n`).join("");
  return `${lines}${file}: ${summarizeFindings(findings)}\n`;
}

function oneOf<Word extends string>(
  option: string,
  words: readonly Word[],
  given: string | undefined,
): Word | undefined {
  const word = words.find((each) => each === given);
  if (given === undefined || word !== undefined) return word;
  throw new ImagectlError("USAGE", `${option} cannot be ${given}`, { hint: hintForName(given, words) });
}

async function read(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    throw new ImagectlError("AUTOINSTALL_UNREADABLE", `${file} cannot be read: ${describeError(cause)}`, {
      hint: "Name a file that is there and that you may read.",
      cause,
    });
  }
}
