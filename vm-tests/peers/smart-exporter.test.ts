/** What is asked of disks and made of their answers, with programs that answer as smartctl and nvme did. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { packageRoot } from "../../src/paths.ts";
import { anyExitCode, type RunResult, run } from "../../src/run.ts";
import {
  type Answer,
  ataAnswer,
  gron,
  nvmeAnswer,
  nvmeIdentity,
  nvmeLog,
  scsiAnswer,
} from "../support/disk-answers.ts";

const scripts = join(packageRoot, "templates/roles/smartd/files/usr/lib/imagectl");
const folder = mkdtempSync(join(tmpdir(), "imagectl-smart-"));
afterAll(() => rmSync(folder, { recursive: true }));

type Disk = {
  /** What smartctl says of it; undefined: nothing. */
  readonly answer?: Answer;
  readonly exit?: number;
  readonly type?: string;
  /** What smartctl does before it answers. */
  readonly before?: string;
  /** What nvme says: the controller's identity, and the log of its self-tests. */
  readonly identity?: Uint8Array;
  readonly log?: Uint8Array;
};

let count = 0;
const fileOf = (name: string): string => name.replaceAll("/", "-");

/** Programs that stand for a machine with these disks, by name: `sda`, `nvme0`. */
function place(disks: Readonly<Record<string, Disk>>, scanExit = 0): { bin: string; asked: () => string[] } {
  const bin = join(folder, `machine-${count++}`);
  mkdirSync(bin);
  const devices = Object.entries(disks).map(([name, { type }]) => ({
    name: `/dev/${name}`,
    info_name: `/dev/${name}`,
    type: type ?? (name.startsWith("nvme") ? "nvme" : "scsi"),
  }));
  const scan = gron({ smartctl: { exit_status: scanExit }, devices });
  writeFileSync(join(bin, "scan"), scan);
  for (const [name, { answer, identity, log }] of Object.entries(disks)) {
    if (answer !== undefined) writeFileSync(join(bin, `${fileOf(name)}.smart`), gron(answer));
    if (identity !== undefined) writeFileSync(join(bin, `${name}.identity`), identity);
    if (log !== undefined) writeFileSync(join(bin, `${name}.log`), log);
  }
  const cases = Object.entries(disks).map(
    ([name, { exit = 0, before = ":", answer }]) =>
      `/dev/${name}) ${before}; ${answer === undefined ? "" : `cat "$here/${fileOf(name)}.smart"; `}exit ${exit} ;;`,
  );
  const program = (name: string, text: string): void =>
    writeFileSync(join(bin, name), `#!/bin/sh\nhere=$(dirname "$0")\n${text}`, { mode: 0o755 });
  program(
    "smartctl",
    `case $* in *--scan*) cat "$here/scan"; exit ${scanExit} ;; esac
echo "smartctl $*" >>"$here/asked"
for disk; do :; done
case $disk in
${cases.join("\n")}
esac
exit 2
`,
  );
  program(
    "nvme",
    `echo "nvme $*" >>"$here/asked"
disk=\${2##*/}
case $1 in
id-ctrl) cat "$here/$disk.identity" ;;
get-log) cat "$here/$disk.log" ;;
device-self-test) [ -e "$here/$disk.log" ] ;;
*) exit 1 ;;
esac
`,
  );
  const asked = (): string[] => readFileSync(join(bin, "asked"), "utf8").trim().split("\n");
  return { bin, asked };
}

async function measure(
  disks: Readonly<Record<string, Disk>>,
  { scanExit = 0, script = join(scripts, "smart-exporter") } = {},
): Promise<RunResult & { readonly asked: string[] }> {
  const { bin, asked } = place(disks, scanExit);
  const env = { PATH: `${bin}:${process.env.PATH}` };
  const result = await run("sh", [script, "--print"], { env, timeoutMs: 60_000 });
  return { ...result, asked: Object.keys(disks).length === 0 ? [] : asked() };
}

/** The values that a pattern names, without what all of them begin with. */
function valuesOf(text: string, pattern: RegExp): string[] {
  return text
    .split("\n")
    .filter((line) => /^imagectl_smart/.test(line) && pattern.test(line))
    .map((line) => line.replace("imagectl_smart_", ""))
    .sort();
}

/** Everything that is said of a disk, beside that it was asked. */
const saidOf = (text: string, disk: string): string[] =>
  valuesOf(text, new RegExp(`disk="${disk}"`)).filter((line) => !line.startsWith("query_success"));

test("a machine without disks says that it has none, and that is no failure", async () => {
  const { stdout, stderr } = await measure({});
  expect(valuesOf(stdout, /disk=/)).toEqual(['query_success{disk="all"} 1']);
  expect(stderr).toBe("");
});

test("an ATA disk: health, heat, wear, bad blocks, and the newest test of each kind", async () => {
  const { stdout, stderr } = await measure({ sda: { answer: ataAnswer, exit: 4 } });
  expect(stderr).toBe("");
  const l = 'disk="sda",serial="WD-1"';
  expect(saidOf(stdout, "sda")).toEqual([
    'asleep{disk="sda"} 0',
    `available{${l}} 1`,
    `disk_info{${l},model="WDC WD40",firmware="82.0",protocol="ATA"} 1`,
    `errors{${l},kind="link"} 0`,
    `errors{${l},kind="offline"} 2`,
    `errors{${l},kind="pending"} 8`,
    `errors{${l},kind="reallocated"} 1`,
    `healthy{${l}} 1`,
    `power_on_seconds{${l}} ${70_000 * 3600}`,
    `selftest_age_seconds{${l},test="long"} ${(70_000 - 65_536 - 4_370) * 3600}`,
    `selftest_age_seconds{${l},test="short"} ${(70_000 - 65_536 - 4_462) * 3600}`,
    `selftest_passed{${l},test="long"} 0`,
    `selftest_passed{${l},test="short"} 1`,
    `selftest_running{${l}} 0`,
    `selftests_supported{${l}} 1`,
    `temperature_celsius{${l}} 31`,
    `temperature_limit_celsius{${l}} 65`,
    `wear_ratio{${l}} 0.07`,
  ]);
});

test("an NVMe disk, whose tests nvme-cli knows", async () => {
  const log = nvmeLog(0, [
    [0x10, 120],
    [0x17, 100],
    [0x28, 96],
    [0x20, 60],
  ]);
  const { stdout, stderr } = await measure({ nvme0: { answer: nvmeAnswer, identity: nvmeIdentity(), log } });
  expect(stderr).toBe("");
  const l = 'disk="nvme0",serial="S1"';
  expect(saidOf(stdout, "nvme0")).toEqual([
    'asleep{disk="nvme0"} 0',
    `available{${l}} 1`,
    `disk_info{${l},model="Fast Disk",firmware="G2",protocol="NVMe"} 1`,
    `errors{${l},kind="media"} 3`,
    `healthy{${l}} 1`,
    `power_on_seconds{${l}} ${125 * 3600}`,
    `selftest_age_seconds{${l},test="long"} ${65 * 3600}`,
    `selftest_age_seconds{${l},test="short"} ${5 * 3600}`,
    `selftest_passed{${l},test="long"} 1`,
    `selftest_passed{${l},test="short"} 1`,
    `selftest_running{${l}} 0`,
    `selftests_supported{${l}} 1`,
    `temperature_celsius{${l}} 50`,
    `temperature_limit_celsius{${l}} 84`,
    `wear_ratio{${l}} 0.93`,
  ]);
});

test("a SAS disk, behind a controller that must be named, too", async () => {
  const { stdout, asked } = await measure({ "bus/0": { type: "megaraid,8", answer: scsiAnswer } });
  const l = 'disk="bus/0 megaraid,8",serial="SAS1"';
  expect(saidOf(stdout, "bus/0 megaraid,8").filter((line) => /errors|selftest|temp/.test(line))).toEqual([
    `errors{${l},kind="read"} 1`,
    `errors{${l},kind="reallocated"} 5`,
    `errors{${l},kind="write"} 0`,
    `selftest_age_seconds{${l},test="short"} ${10 * 3600}`,
    `selftest_passed{${l},test="long"} 0`,
    `selftest_passed{${l},test="short"} 1`,
    `selftest_running{${l}} 1`,
    `selftests_supported{${l}} 1`,
    `temperature_celsius{${l}} 38`,
    `temperature_limit_celsius{${l}} 68`,
  ]);
  expect(asked[0]).toMatch(/ -d megaraid,8 \/dev\/bus\/0$/);
});

test("promtool finds nothing to say about what is written", async () => {
  const { stdout } = await measure({ sda: { answer: ataAnswer }, sdb: { exit: 2 } });
  const checked = await run("promtool", ["check", "metrics"], { input: Buffer.from(stdout) });
  expect(checked.stdout + checked.stderr).toBe("");
});

test("what a disk calls itself adds no line and no label", async () => {
  const { stdout } = await measure({ sda: { answer: { ...ataAnswer, model_name: 'a"} 1\\nx{b="' } } });
  expect(saidOf(stdout, "sda").filter((line) => line.startsWith("disk_info"))).toEqual([
    expect.stringMatching(/model="a___ 1__nx_b___",firmware/),
  ]);
});

describe("a disk that says that it fails, in each of its ways", () => {
  test.each([8, 16, 24, 124, 252])("smartctl ends with %i", async (exit) => {
    const { stdout } = await measure({
      sda: { answer: { ...ataAnswer, smart_status: { passed: false } }, exit },
    });
    expect(valuesOf(stdout, /healthy|success.*sda/)).toEqual([
      'healthy{disk="sda",serial="WD-1"} 0',
      'query_success{disk="sda"} 1',
    ]);
  });
});

test("a disk without SMART is shown, and nothing is said of its health", async () => {
  const answer = { ...scsiAnswer, smart_support: { available: false }, temperature: { current: 0 } };
  const { stdout, stderr } = await measure({ sda: { answer, exit: 4 } });
  expect(stderr).toBe("");
  expect(saidOf(stdout, "sda").map((line) => line.replace(/\{.*\}/, ""))).toEqual([
    "asleep 0",
    "available 0",
    "disk_info 1",
  ]);
});

test("a disk that sleeps is left alone, and nothing is said of its health", async () => {
  const { stdout, asked } = await measure({ sda: { exit: 3 } });
  expect(valuesOf(stdout, /sda/)).toEqual(['asleep{disk="sda"} 1', 'query_success{disk="sda"} 1']);
  expect(asked[0]).toContain("-n standby,3");
});

describe("what fails is said to have failed, and no disk looks well", () => {
  const { smart_status: _gone, ...mute } = ataAnswer;
  const identity = nvmeIdentity();
  test.each<[string, string, Disk]>([
    ["it cannot be opened", "sda", { exit: 2 }],
    ["it is opened no more, with an answer", "sda", { answer: ataAnswer, exit: 2 }],
    ["smartctl is not there", "sda", { exit: 127 }],
    ["it says nothing", "sda", {}],
    ["it says nothing of its health", "sda", { answer: mute }],
    ["SMART is off", "sda", { answer: { ...ataAnswer, smart_support: { available: true, enabled: false } } }],
    ["nvme is not answered", "nvme0", { answer: nvmeAnswer }],
    ["the identity is cut off", "nvme0", { answer: nvmeAnswer, identity: identity.subarray(0, 4_000) }],
    ["the log is cut off", "nvme0", { answer: nvmeAnswer, identity, log: nvmeLog(0, []).subarray(0, 500) }],
  ])("%s", async (_name, name, disk) => {
    const { stdout, stderr } = await measure({ [name]: disk, sdz: { answer: ataAnswer } });
    expect(valuesOf(stdout, new RegExp(`"${name}"`))).toEqual([`query_success{disk="${name}"} 0`]);
    expect(valuesOf(stdout, /healthy/)).toEqual(['healthy{disk="sdz",serial="WD-1"} 1']);
    expect(stderr).toContain(`disk="${name}": `);
  });

  test("the disks cannot be listed", async () => {
    const { stdout, stderr } = await measure({ sda: { answer: ataAnswer } }, { scanExit: 1 });
    expect(valuesOf(stdout, /"all"/)).toEqual(['query_success{disk="all"} 0']);
    expect(stderr).toContain("lists no disks");
  });

  test("it hangs where no signal reaches it: the others are asked", { timeout: 30_000 }, async () => {
    const quick = join(folder, "quick");
    mkdirSync(quick);
    const text = readFileSync(join(scripts, "smart-exporter"), "utf8").replace(/^limit=40 /m, "limit=1 ");
    expect(text).toContain("limit=1 ");
    writeFileSync(join(quick, "smart-exporter"), text);
    // Stopped, timeout(1) kills nothing: as when its child never ends.
    const file = join(folder, "stopped");
    const { stdout, stderr } = await measure(
      { sda: { before: `echo $PPID >${file}; kill -STOP $PPID; sleep 10` }, sdb: { answer: ataAnswer } },
      { script: join(quick, "smart-exporter") },
    );
    process.kill(Number(readFileSync(file, "utf8")), "SIGKILL");
    expect(valuesOf(stdout, /success/)).toEqual([
      'query_success{disk="all"} 1',
      'query_success{disk="sda"} 0',
      'query_success{disk="sdb"} 1',
    ]);
    expect(stderr).toContain('disk="sda": no answer in time');
  });
});

describe("self-tests of NVMe disks", () => {
  const start = async (disks: Readonly<Record<string, Disk>>, kind = "short") => {
    const { bin, asked } = place(disks);
    const env = { PATH: `${bin}:${process.env.PATH}` };
    const result = await run("sh", [join(scripts, "nvme-selftest"), kind], { env, okExitCodes: anyExitCode });
    return { ...result, begun: asked().filter((line) => line.includes("device-self-test")) };
  };
  const can = { identity: nvmeIdentity(), log: nvmeLog(0, []) };

  test.each([
    ["short", 1],
    ["long", 2],
  ])("a %s one is started on each NVMe disk, and on no other", async (kind, code) => {
    const { exitCode, begun } = await start({ nvme0: can, sda: {}, nvme11: can }, kind);
    expect(exitCode).toBe(0);
    expect(begun).toEqual(
      ["nvme0", "nvme11"].map(
        (disk) => `nvme device-self-test /dev/${disk} --namespace-id=0xffffffff --self-test-code=${code}`,
      ),
    );
  });

  test("a disk without them is left alone: not even its log is asked for", async () => {
    const { bin, asked } = place({ nvme0: { identity: nvmeIdentity({ hasSelftests: false }) } });
    const env = { PATH: `${bin}:${process.env.PATH}` };
    const { stdout } = await run("sh", [join(scripts, "nvme-selftest"), "short"], { env });
    expect(stdout).toBe("/dev/nvme0 has no self-tests\n");
    expect(asked()).toEqual(["nvme id-ctrl /dev/nvme0 --raw-binary"]);
  });

  test.each([
    ["short", 0x01],
    ["long", 0x02],
    ["its maker's own", 0x0e],
  ])("none is started while one is running: %s", async (_name, operation) => {
    const { exitCode, stdout, begun } = await start({ nvme0: { ...can, log: nvmeLog(operation, []) } });
    expect([exitCode, begun]).toEqual([0, []]);
    expect(stdout).toContain("a self-test is running");
  });

  test("a disk that cannot be asked fails, and the next one has its test", async () => {
    const { exitCode, stderr, begun } = await start({ nvme0: {}, nvme1: can });
    expect(exitCode).toBe(1);
    expect(stderr).toContain("/dev/nvme0 does not say what it is");
    expect(begun).toHaveLength(1);
  });
});

describe("what smartd warns of", () => {
  const bin = join(folder, "logger");
  mkdirSync(bin);
  writeFileSync(join(bin, "logger"), '#!/bin/sh\nprintf "%s\\n" "$*"\n', { mode: 0o755 });
  const file = join(bin, "smartd.prom");
  const series = (disk: string, kind: string): string =>
    `imagectl_smartd_warning_timestamp_seconds{disk="${disk}",kind="${kind}"}`;
  const shown = (): string[] =>
    readFileSync(file, "utf8")
      .trim()
      .split("\n")
      .map((line) => line.replace(/ \d{10}$/, ""))
      .filter((line) => !line.startsWith("#"));
  const warn = async (disk: string, kind: string, type = "sat"): Promise<string> => {
    const env = {
      PATH: `${bin}:${process.env.PATH}`,
      SMARTD_DEVICE: `/dev/${disk}`,
      SMARTD_DEVICETYPE: type,
      SMARTD_FAILTYPE: kind,
      SMARTD_MESSAGE: "it is so",
    };
    return (await run("sh", [join(scripts, "smartd-warning"), file], { env })).stdout.trim();
  };

  test("is a line of the log that the bastion keeps, and a number that an alert looks at", async () => {
    expect(await warn("sda", "Health")).toBe("--priority user.crit --tag smartd -- it is so");
    await warn("sdb", "SelfTest");
    await warn("sda", "Health");
    expect(shown()).toEqual([series("sdb", "SelfTest"), series("sda", "Health")]);
    const checked = await run("promtool", ["check", "metrics"], { input: readFileSync(file) });
    expect(checked.stdout + checked.stderr).toBe("");
  });

  test("a test of the way is one as well, with a quiet line", async () => {
    expect(await warn("sda", "EmailTest")).toContain("--priority user.notice ");
    expect(shown()).toContain(series("sda", "EmailTest"));
  });

  test("commands that an NVMe disk did not know are a line and no alert; errors of an ATA disk are one", async () => {
    expect(await warn("nvme0", "ErrorCount", "nvme")).toContain("--priority user.notice ");
    await warn("sdc", "ErrorCount");
    expect(shown()).not.toContain(series("nvme0", "ErrorCount"));
    expect(shown()).toContain(series("sdc", "ErrorCount"));
  });

  test("what did not come again for a week is forgotten, and a name adds no line", async () => {
    writeFileSync(file, `${series("sda", "Health")} 1764000000\n`);
    await warn('s"} 1\nd', "Health");
    expect(shown()).toEqual([series("s__ 1_d", "Health")]);
  });
});
