/** Lines for sshd's configuration, in each way to write them. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { currentOptions, sshdOptions } from "./sshd-options.ts";
import { late, lint, plain } from "./test-documents.ts";

const file = "/target/etc/ssh/sshd_config.d/10-ours.conf";
const document = `|\n      cat > ${file} <<-'EOF'\n      # ours\n      LINE\n      EOF\n      chmod 600 ${file}`;

const ways: readonly (readonly [way: string, text: string])[] = [
  ["echo", late(`echo "LINE" >> /target/etc/ssh/sshd_config`)],
  ["echo in the target", late(`curtin in-target -- sh -c 'echo LINE >> /etc/ssh/sshd_config'`)],
  ["printf", late(`printf '%s\\n' 'Port 22' 'LINE' > ${file}`)],
  ["printf with breaks", late(`printf 'Port 22\\nLINE\\n' > ${file}`)],
  ["a here-document", late(document)],
  ["a pipe to tee", late(`echo 'LINE' | tee -a ${file}`)],
  ["sed", late(`sed -i -e 's/^#\\?Port .*/Port 22/' -e 's|^#*Foo.*|LINE|' /target/etc/ssh/sshd_config`)],
  ["sed, adding a line", late(`sed -i '$ a LINE' /target/etc/ssh/sshd_config`)],
  [
    "write_files",
    `${plain}  user-data:\n    write_files:\n      - path: /etc/ssh/sshd_config.d/1.conf\n        content: |\n          LINE\n`,
  ],
  ["runcmd", `${plain}  user-data:\n    runcmd:\n      - echo LINE >> /etc/ssh/sshd_config\n`],
];

test.each(ways)("%s", async (_way, text) => {
  const say = async (line: string) =>
    (await lint(text.replace("LINE", line))).map(({ code, message }) => `${code} ${message}`);
  expect(await say("MaxAuthTries 3")).toEqual([]);
  expect(await say("maxauthtries 3")).toEqual([]);
  expect(await say("MaxAuthTrys 3")).toEqual([
    expect.stringMatching(/^SSHD_OPTION_UNKNOWN .*sshd has no option MaxAuthTrys: sshd does not start/),
  ]);
  expect(await say("PermitRootLogin nope")).toEqual([
    expect.stringContaining("PermitRootLogin cannot be nope"),
  ]);
  expect(await say("PermitRootLogin")).toEqual([expect.stringContaining("PermitRootLogin has no value")]);
});

test("another file is another matter", async () => {
  expect(await lint(late("echo 'MaxAuthTrys 3' > /target/etc/motd"))).toEqual([]);
});

test("options of long ago and aliases are known: sshd only warns of them", () => {
  for (const name of ["Protocol", "UsePrivilegeSeparation", "ChallengeResponseAuthentication"]) {
    expect(sshdOptions.has(name.toLowerCase())).toBe(true);
  }
});

/** What the program itself compares with: its table of keywords stands in it as C strings. */
function optionsInProgram(): string | undefined {
  try {
    return readFileSync("/usr/sbin/sshd", "latin1");
  } catch {
    return undefined;
  }
}
const program = optionsInProgram();

/** Not in OpenSSH 9.2; sshd of 24.04 (9.6) and 26.04 have some of them. */
const newer = [
  "PerSourcePenalties",
  "PerSourcePenaltyExemptList",
  "RefuseConnection",
  "SshdAuthPath",
  "SshdSessionPath",
];

test("the sshd of this machine has these options", ({ skip }) => {
  skip(program === undefined, "no /usr/sbin/sshd is installed to compare with");
  const missing = currentOptions.filter((name) => !program?.includes(`${name.toLowerCase()}\0`));
  expect(missing.filter((name) => !newer.includes(name))).toEqual([]);
});
