/**
 * Reports as subiquity 24.04.4 and cloud-init 25.1 really posted them, three installations one after the other, are not
 * part of this project: they lie in ../shared/data, or in $IMAGECTL_SHARED/data. Skipped where they are not.
 */
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { packageRoot } from "../paths.ts";
import { describeEvent } from "./describe.ts";
import type { AttemptState, EventBody, InstallerReport } from "./event.ts";
import { isInstallerNews, parseInstallerReport, parsePhoneHome } from "./installer-report.ts";
import { reduce } from "./reduce.ts";

const data = join(process.env.IMAGECTL_SHARED ?? join(packageRoot, "../shared"), "data/events");
const isAbsent = existsSync(data) ? false : "no recorded reports beside this project";

const armed: EventBody = {
  kind: "armed",
  planSha256: "a".repeat(64),
  imageId: "b".repeat(64),
  deadline: "2030-01-01T00:00:00.000Z",
  revision: "1234567",
};
const script: EventBody = { kind: "boot-script-served", script: "deploy" };
const redeemed: EventBody = { kind: "seed-redeemed", address: "10.77.0.11" };
const step = (index: number, name: string): EventBody => ({
  kind: "step-started",
  index,
  total: 3,
  step: name,
});

/** A node's attempt that keeps what the server would keep. */
class Attempt {
  state: AttemptState | undefined;
  readonly kept: string[] = [];
  #id = 0;

  constructor(...bodies: EventBody[]) {
    for (const body of [armed, ...bodies]) this.append(body);
    this.kept.length = 0;
  }

  append(body: EventBody): void {
    this.#id += 1;
    const at = new Date(Date.parse("2026-05-04T10:00:00Z") + this.#id * 1000).toISOString();
    this.state = reduce(this.state, { id: this.#id, attempt: 1, node: "node1", at, body });
    this.kept.push(nameOf(body));
  }

  report(report: InstallerReport | undefined): void {
    if (report === undefined || !isInstallerNews(this.state as AttemptState, report)) return;
    this.append({ kind: "installer-report", ...report });
  }
}

function nameOf(body: EventBody): string {
  if (body.kind !== "installer-report") return body.kind;
  if ("stage" in body) return body.stage;
  return `${body.isFinal ? "gave up" : "failed"}: ${body.failure}`;
}

type Recorded = { readonly path: string; readonly body: string };

function recorded(name: string): readonly Recorded[] {
  return readFileSync(join(data, name), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Recorded);
}

/** One list for each start of the machine: subiquity validates its document once. */
function installations(requests: readonly Recorded[]): Recorded[][] {
  const runs: Recorded[][] = [];
  for (const request of requests.filter(({ path }) => !path.startsWith("/test/"))) {
    const isFirst = /"subiquity\/core_validation".*"start"/.test(request.body);
    if (isFirst) runs.push([]);
    runs.at(-1)?.push(request);
  }
  return runs;
}

/** What the recording's curl commands called our agent tells as steps. */
function replay(attempt: Attempt, requests: readonly Recorded[]): void {
  attempt.append(script);
  for (const { path, body } of requests) {
    switch (path.split("/").at(-1)) {
      case "early":
        for (const told of [redeemed, step(1, "wipe-disk"), step(2, "installer-system")])
          attempt.append(told);
        break;
      case "late":
        for (const told of [step(3, "apply-overlay"), { kind: "deployed" } as const]) attempt.append(told);
        break;
      case "events":
      case "ci-events":
        attempt.report(parseInstallerReport(body));
        break;
      case "phone-home":
        attempt.report({ stage: "called-home", text: parsePhoneHome(body).fqdn });
        break;
      default:
    }
  }
}

const begins = [
  "boot-script-served",
  "preparing",
  "seed-redeemed",
  "step-started",
  "step-started",
  "preparing",
  "partitioning",
  "copying-system",
];

describe.skipIf(isAbsent)("recorded installations", () => {
  const runs = isAbsent ? [] : installations(recorded("subiquity-webhook-events-runs.jsonl"));
  const [keyboardFails = [], packagesFail = [], succeeds = []] = runs;

  test("of 350 reports of a good one, a dozen are kept, and they end at the system that called home", () => {
    const attempt = new Attempt();
    replay(attempt, succeeds);
    expect(attempt.kept).toEqual([
      ...begins,
      "installing-kernel",
      "configuring",
      "installing-packages",
      "late-commands",
      "step-started",
      "deployed",
      "copying-logs",
      "restarting",
      "cloud-init",
      "called-home",
    ]);
    expect(attempt.state).toMatchObject({ stage: "restarting", isDeployed: true, isLive: true });
    expect(attempt.state?.cause).toBeUndefined();
  });

  test("the one that failed in setup_target, at a command in the target, has this as its cause", () => {
    const attempt = new Attempt();
    replay(attempt, keyboardFails);
    const name = "subiquity/Install/install/curtin_install/setup_target/cmd-in-target";
    expect(attempt.kept).toEqual([...begins, `failed: ${name}`, "gave up: subiquity/Install/install"]);
    expect(attempt.state).toMatchObject({
      stage: "failed",
      isLive: true,
      step: { name: "installer-system" },
    });
    expect(attempt.state?.cause).toEqual({
      message: `the installer failed: curtin command in-target; a command returned non-zero exit status 127 (at ${name})`,
      hint:
        "Its log, on the node's console: /var/log/installer/curtin-install.log. What came before: " +
        "imagectl events NODE. Power-cycle the node for another try (2 left).",
    });
  });

  test("the one that failed in curthooks, at packages for the boot loader, names the packages", () => {
    const attempt = new Attempt();
    replay(attempt, packagesFail);
    expect(attempt.kept.at(-3)).toBe("installing-kernel");
    expect(attempt.kept.at(-1)).toBe("gave up: subiquity/Install/install");
    expect(attempt.state?.cause?.message).toContain(
      "the installer failed: Installing packages on target system: ['e2fsprogs', 'efibootmgr', 'grub-efi-amd64'] (at ",
    );
  });

  test("a try after two failed ones ends as if they had not been", () => {
    const attempt = new Attempt();
    for (const run of runs) replay(attempt, run);
    expect(attempt.state).toMatchObject({ stage: "restarting", isDeployed: true, tries: 3 });
  });

  test("the recording of the failed run alone ends in the same cause, and its next try partitions", () => {
    const [failed = [], next = []] = installations(recorded("subiquity-webhook-failed-run.jsonl"));
    const attempt = new Attempt();
    replay(attempt, failed);
    expect(attempt.state?.cause?.message).toMatch(/curtin command in-target/);
    replay(attempt, next);
    expect(attempt.state).toMatchObject({ stage: "deploying", installer: { stage: "partitioning" } });
  });

  test("cloud-init's own recording: its start is a stage, and the host that phones is named", () => {
    const [start, finish, home] = recorded("cloud-init-webhook-and-phone-home.jsonl");
    expect(parseInstallerReport(start?.body ?? "")).toEqual({
      stage: "cloud-init",
      text: "searching for network datasources",
    });
    expect(parseInstallerReport(finish?.body ?? "")).toBeUndefined();
    expect(parsePhoneHome(home?.body ?? "")).toEqual({
      instanceId: "i-1",
      hostname: "gpu-01",
      fqdn: "gpu-01.local",
    });
  });
});

const post = (name: string, event_type: string, rest: object = {}): string =>
  JSON.stringify({
    name,
    description: "",
    event_type,
    origin: "curtin",
    timestamp: 1,
    level: "INFO",
    ...rest,
  });
const start = (name: string, description = ""): string => post(name, "start", { description });
const fail = (name: string, description = ""): string =>
  post(name, "finish", { result: "FAIL", description });
const packages = "subiquity/Install/install/postinstall/install_nfs-common";
const exit100 = "Command '['systemd-run', 'apt-get']' returned non-zero exit status 100.";

const installing = (): Attempt => new Attempt(script, redeemed, step(2, "installer-system"));

describe("failures", () => {
  test("a download that works at the second time is told and takes nothing", () => {
    const attempt = installing();
    for (const body of [
      start(`${packages}/retrieving`, "retrieving nfs-common"),
      fail(`${packages}/cmd-system-install`, "curtin command system-install"),
      fail(`${packages}/retrieving`, exit100),
      start(`${packages}/retrieving`, "retrieving nfs-common"),
    ])
      attempt.report(parseInstallerReport(body));
    expect(attempt.kept).toEqual([
      "installing-packages",
      `failed: ${packages}/cmd-system-install`,
      "installing-packages",
    ]);
    expect(attempt.state?.stage).toBe("deploying");
  });

  test("a failure before it, from which the installer recovered, is not the cause", () => {
    const attempt = installing();
    for (const body of [
      fail(`${packages}/retrieving`, exit100),
      start("subiquity/Late/run/command_2", "secret"),
      fail(
        "subiquity/Late/run/command_2",
        "Command '['sh', '-c', 'secret']' returned non-zero exit status 3.",
      ),
      fail("subiquity/Late/run", "Command '['sh', '-c', 'secret']' returned non-zero exit status 3."),
    ])
      attempt.report(parseInstallerReport(body));
    expect(attempt.state?.cause?.message).toBe(
      "the installer failed: a command returned non-zero exit status 3 (at subiquity/Late/run/command_2)",
    );
    expect(attempt.state?.cause?.hint).toContain("journalctl -b");
  });

  test.each([
    ["a probe that is started anew", fail("subiquity/Filesystem/_probe/probe_once", "cancelled")],
    ["an install task that was cancelled", fail("subiquity/Install/install/x", "cancelled")],
    ["a mirror that does not answer, of several", fail("subiquity/Mirror/cmd-apt-config", exit100)],
    ["a network link", start("subiquity/Network/_send_update", "CHANGE enp0s4")],
    ["an end that is good", post("subiquity/Install/install", "finish", { result: "SUCCESS" })],
    ["a warning", post("subiquity/Install/install", "warning")],
  ])("%s is chatter", (_name, body) => {
    expect(parseInstallerReport(body)).toBeUndefined();
  });

  test.each([
    ["no disk of the document", fail("subiquity/Filesystem/apply_autoinstall_config", "'/dev/sda1'")],
    ["a document that is refused", post("subiquity/core_validation", "error", { description: "Malformed" })],
  ])("%s is the cause when subiquity writes its crash report", (_name, body) => {
    const attempt = installing();
    attempt.report(parseInstallerReport(body));
    expect(attempt.state?.stage).toBe("deploying");
    attempt.report(parseInstallerReport(start("subiquity/ErrorReporter/1787928896.5.unknown/add_info")));
    expect(attempt.state).toMatchObject({ stage: "failed" });
    expect(attempt.state?.cause?.message).toMatch(/^the installer failed: ('\/dev\/sda1'|Malformed) \(at /);
  });

  test("what our agent said first stays the cause", () => {
    const attempt = new Attempt(script, redeemed, step(1, "wipe-disk"), {
      kind: "step-failed",
      index: 1,
      exitCode: 5,
      logTail: "",
    });
    attempt.report(parseInstallerReport(fail("subiquity/Early/run", exit100)));
    expect(attempt.kept).toEqual([]);
    expect(attempt.state?.cause?.message).toContain("wipe-disk");
  });

  test("after the deploy it leaves the node deployed, and says what keeps it from restarting", () => {
    const attempt = installing();
    attempt.append({ kind: "deployed" });
    for (const name of ["subiquity/Late/run/command_9", "subiquity/Late/run", "subiquity/Install/install"])
      attempt.report(parseInstallerReport(fail(name, exit100)));
    expect(attempt.kept).toHaveLength(3);
    expect(attempt.state).toMatchObject({ stage: "deployed", isDeployed: true });
    expect(attempt.state?.cause?.hint).toContain("Its disk is complete: power-cycle the node.");
  });
});

test("a report shows that the live system runs, before our agent does", () => {
  const attempt = new Attempt(script);
  attempt.report(parseInstallerReport(start("subiquity/core_validation")));
  expect(attempt.state).toMatchObject({ stage: "deploy-environment", tries: 0 });
});

test("a report ends what was overdue, and the step goes on", () => {
  const attempt = installing();
  attempt.append({ kind: "stage-overdue", stage: "deploying", step: "installer-system", seconds: 1800 });
  expect(attempt.state?.cause).toBeDefined();
  attempt.report(parseInstallerReport(start("subiquity/Install/install/postinstall")));
  expect(attempt.state?.cause).toBeUndefined();
  expect(attempt.state?.step?.name).toBe("installer-system");
});

test("neither a command's text nor a control character gets into an event, and a flood of text is cut", () => {
  const body = start("subiquity/Late/run/command_0", "curl http://10.77.0.1:8080/seed/0123/events");
  expect(parseInstallerReport(body)).toEqual({ stage: "late-commands", text: "" });
  const long = parseInstallerReport(fail("subiquity/Install/install/x", `\u001b[2J\n${"x".repeat(9_000)}`));
  expect(long).toMatchObject({ text: expect.stringMatching(/^\?\[2J x{295}$/) });
  expect(describeEvent({ kind: "installer-report", ...(long as InstallerReport) })).toMatch(
    /^the installer FAILED at subiquity\/Install\/install\/x \(\?\[2J x+\)$/,
  );
});

test.each([
  ["not JSON", "{", "not JSON"],
  ["no object", "7", "expected"],
  ["a name that is none", '{"name":7,"event_type":"start"}', "name"],
  ["without a type", '{"name":"subiquity"}', "event_type"],
])("%s is refused, naming the field", (_name, body, field) => {
  expect(() => parseInstallerReport(body)).toThrow(field);
});

test("any bytes, and any part of a report, are read or refused by name", () => {
  const whole = fail(packages, exit100);
  for (let round = 0; round < 2_000; round += 1) {
    const junk = randomBytes(round % 50).toString(round % 2 === 0 ? "utf8" : "latin1");
    for (const body of [junk, whole.slice(0, round % whole.length), whole.slice(0, round % 90) + junk]) {
      for (const parse of [parseInstallerReport, parsePhoneHome]) expectReadOrRefused(() => parse(body));
    }
  }
  const longest = 64 * 1024;
  expectReadOrRefused(() => parseInstallerReport("[".repeat(longest)));
  expectReadOrRefused(() => parseInstallerReport(fail(`${"/".repeat(longest)}x`, "'".repeat(longest))));
});

function expectReadOrRefused(read: () => unknown): void {
  try {
    read();
  } catch (error) {
    expect(error).toMatchObject({ code: "EVENT_MALFORMED" });
  }
}
