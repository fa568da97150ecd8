/** The GPU exporter against an nvidia-smi that answers as real ones did, and as broken ones do. There is no GPU here. */
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { packageRoot } from "../../src/paths.ts";
import { run, type StartedProcess, start } from "../../src/run.ts";

const exporter = join(packageRoot, "templates/roles/gpu-exporter/files/usr/lib/imagectl/gpu-exporter");
const folder = mkdtempSync(join(tmpdir(), "imagectl-gpu-"));
const started: StartedProcess[] = [];
afterAll(async () => {
  for (const each of started) each.stop("SIGKILL");
  await Promise.all(started.map(({ exited }) => exited));
  rmSync(folder, { recursive: true });
});

/** In the form of `nvidia-smi` 590 on an H200, with and without MIG; the values are ours. */
const [idle, busy] = ["GPU-6f1e2d3c-0000-0000-0000-00000000000a", "GPU-6f1e2d3c-0000-0000-0000-00000000000b"];
const clocksAsTheyShould = "Not Active, Not Active, Not Active, Not Active, Not Active";
const idleRow = `0, ${idle}, NVIDIA H200, 590.48.01, 0, 0, 55, 143771, 28, 78.28, 700.00, 345, 3201, 0, 0, ${clocksAsTheyShould}`;
const busyRow = `1, ${busy}, NVIDIA H200, 590.48.01, 97, 7, 16959, 143771, 66, 695.10, 700.00, 1980, 3201, 0, 0, Active, Not Active, Not Active, Not Active, Not Active`;
const sickRow = `1, ${busy}, NVIDIA H200, 590.48.01, [N/A], [N/A], 16959, 143771, 90, [Unknown Error], 700.00, 345, 3201, 12, 2, Not Active, Active, Active, Not Active, Not Active`;
const rowsAsTheyShould = `${idle}, 0, 0\n${busy}, 0, 0`;

type Answers = {
  readonly gpus: string;
  readonly processes?: string;
  readonly rows?: string;
  /** The kernel's lines, with seconds since 1970. */
  readonly kernel?: string;
  /** What nvidia-smi does before it answers to a question with this word in it. */
  readonly before?: readonly [question: string, script: string];
};

let count = 0;

/** Runs the exporter once with programs that answer this. */
async function metricsOf(answers: Answers, gpus = 0): Promise<{ text: string; stderr: string }> {
  const bin = join(folder, `bin-${count++}`);
  mkdirSync(bin);
  const program = (name: string, text: string): void => {
    writeFileSync(join(bin, name), text);
    chmodSync(join(bin, name), 0o755);
  };
  const answer = (text: string): string => `cat <<'END'\n${text}${text === "" ? "" : "\n"}END`;
  const { gpus: table, processes = "", rows = rowsAsTheyShould, kernel = "", before } = answers;
  program(
    "nvidia-smi",
    `#!/bin/sh
case $* in *${before?.[0] ?? "nothing"}*) ${before?.[1] ?? ":"} ;; esac
case $* in
*--query-gpu=*--format=csv,noheader,nounits) ${answer(table)}
;;
*--query-compute-apps=*--format=csv,noheader,nounits) ${answer(processes)}
;;
*--query-remapped-rows=*--format=csv,noheader,nounits) ${answer(rows)}
;;
*) exit 2 ;;
esac
`,
  );
  program("journalctl", `#!/bin/sh\n${answer(kernel)}\n`);
  const env = { PATH: `${bin}:${process.env.PATH}`, IMAGECTL_GPUS: String(gpus) };
  const { stdout, stderr } = await run("sh", [exporter, "--print"], { env, timeoutMs: 60_000 });
  return { text: stdout, stderr };
}

/** The values of the metrics that a pattern names, by name and labels, sorted. */
function valuesOf(text: string, pattern: RegExp): string[] {
  return text
    .split("\n")
    .filter((line) => !/^(#|$)/.test(line) && pattern.test(line))
    .sort();
}

const success = (text: string) =>
  valuesOf(text, /query_success/).map((line) => line.replace(/.*query="(.*)"} /, "$1 "));

/** Starts a sleeping process of a user; its name is the file's. */
async function startAs(uid: number, name: string): Promise<number> {
  const file = join(folder, name);
  if (!existsSync(file)) copyFileSync("/bin/sleep", file);
  chmodSync(folder, 0o755);
  const pid = Promise.withResolvers<number>();
  const words = ["--reuid", String(uid), "--regid", String(uid), "--clear-groups"];
  const child = start("setpriv", [...words, "sh", "-c", 'echo $$; exec "$0" 600', file], {
    onLine: (line) => pid.resolve(Number(line)),
  });
  started.push(child);
  const found = await pid.promise;
  await vi.waitUntil(() => readFileSync(`/proc/${found}/comm`, "utf8") === `${name.slice(0, 15)}\n`);
  return found;
}

test("an idle GPU is seen, and its zeroes are said", async () => {
  const { text, stderr } = await metricsOf({ gpus: idleRow }, 1);
  expect(stderr).toBe("");
  expect(success(text)).toEqual(["gpus 1", "processes 1", "rows 1", "xids 1"]);
  const labels = `gpu="0",uuid="${idle}"`;
  expect(valuesOf(text, /gpus|processes|utilization_ratio|used_bytes|power_watts|clock|ecc|info/)).toEqual([
    `imagectl_gpu_ecc_errors_total{${labels},kind="corrected"} 0`,
    `imagectl_gpu_ecc_errors_total{${labels},kind="uncorrected"} 0`,
    `imagectl_gpu_info{${labels},name="NVIDIA H200",driver="590.48.01"} 1`,
    `imagectl_gpu_memory_clock_hertz{${labels}} 3201000000`,
    `imagectl_gpu_memory_used_bytes{${labels}} 57671680`,
    `imagectl_gpu_memory_utilization_ratio{${labels}} 0`,
    `imagectl_gpu_power_watts{${labels}} 78.28`,
    `imagectl_gpu_processes{${labels}} 0`,
    'imagectl_gpu_query_success{query="gpus"} 1',
    'imagectl_gpu_query_success{query="processes"} 1',
    `imagectl_gpu_sm_clock_hertz{${labels}} 345000000`,
    `imagectl_gpu_utilization_ratio{${labels}} 0`,
    "imagectl_gpus 1",
    "imagectl_gpus_expected 1",
  ]);
});

test("promtool finds nothing to say about what is written", async () => {
  const kernel =
    "1764380000.123456 node1 kernel: NVRM: Xid (PCI:0000:3b:00): 79, pid='<unknown>', GPU has fallen";
  const { text } = await metricsOf({ gpus: `${idleRow}\n${busyRow}`, processes: `${busy}, 1, 2194`, kernel });
  const { stdout, stderr } = await run("promtool", ["check", "metrics"], { input: Buffer.from(text) });
  expect(stdout + stderr).toBe("");
});

describe("who uses a GPU", () => {
  let [nobody, stranger, hostile] = [0, 0, 0];
  beforeAll(async () => {
    nobody = await startAs(65_534, "train.py");
    stranger = await startAs(10_777, "train.py");
    hostile = await startAs(65_534, 'a"} 1\nx{b="');
  });

  test("processes are added up by user and name; a user without a name is a number", async () => {
    const another = await startAs(65_534, "train.py");
    const processes = `${busy}, ${nobody}, 2194\n${busy}, ${another}, 1170\n${busy}, ${stranger}, 100`;
    const { text } = await metricsOf({ gpus: `${idleRow}\n${busyRow}`, processes });
    const who = (user: string) =>
      `gpu="1",uuid="${busy}",user="${user}",command="train.py",job="",container=""`;
    expect(valuesOf(text, /gpu_(user_)?processes|user_memory/)).toEqual([
      `imagectl_gpu_processes{gpu="0",uuid="${idle}"} 0`,
      `imagectl_gpu_processes{gpu="1",uuid="${busy}"} 3`,
      `imagectl_gpu_user_memory_bytes{${who("10777")}} 104857600`,
      `imagectl_gpu_user_memory_bytes{${who("nobody")}} ${(2194 + 1170) * 1_048_576}`,
      `imagectl_gpu_user_processes{${who("10777")}} 1`,
      `imagectl_gpu_user_processes{${who("nobody")}} 2`,
    ]);
  });

  test("a process that is gone, or may not be seen, is somebody's all the same", async () => {
    const processes = `${busy}, 4194999, [N/A]\n${busy}, [Insufficient Permissions], [Insufficient Permissions]`;
    const { text } = await metricsOf({ gpus: busyRow, processes });
    expect(valuesOf(text, /gpu_(user_)?processes|user_memory/)).toEqual([
      `imagectl_gpu_processes{gpu="1",uuid="${busy}"} 2`,
      `imagectl_gpu_user_processes{gpu="1",uuid="${busy}",user="unknown",command="",job="",container=""} 2`,
    ]);
  });

  test("what a process calls itself adds no line and no label", async () => {
    const { text } = await metricsOf({ gpus: busyRow, processes: `${busy}, ${hostile}, 1` });
    expect(valuesOf(text, /user_processes/)).toEqual([
      expect.stringContaining('user="nobody",command="a___1_x_b__"'),
    ]);
  });
});

test("a sick GPU shows what it knows, and leaves out what it does not", async () => {
  const { text } = await metricsOf({
    gpus: `${idleRow}\n${sickRow}`,
    rows: `${idle}, 0, 0\n${busy}, 1, Yes`,
  });
  expect(valuesOf(text, /gpu="1".*(ecc|throttled|row_remap)|(ecc|throttled|row_remap).*gpu="1"/)).toEqual(
    [
      'ecc_errors_total{L,kind="corrected"} 12',
      'ecc_errors_total{L,kind="uncorrected"} 2',
      'row_remap{L,state="failed"} 1',
      'row_remap{L,state="pending"} 1',
      'throttled{L,reason="hw_power_brake_slowdown"} 0',
      'throttled{L,reason="hw_slowdown"} 1',
      'throttled{L,reason="hw_thermal_slowdown"} 1',
      'throttled{L,reason="sw_power_cap"} 0',
      'throttled{L,reason="sw_thermal_slowdown"} 0',
    ].map((line) => `imagectl_gpu_${line.replace("L", `gpu="1",uuid="${busy}"`)}`),
  );
  expect(valuesOf(text, /(utilization_ratio|power_watts).*gpu="1"/)).toEqual([]);
});

test("the driver's faults are shown with their time, and nobody else's lines", async () => {
  const kernel = `1764380000.123456 node1 kernel: NVRM: Xid (PCI:0000:3b:00): 79, pid='<unknown>', name=<unknown>, GPU has fallen off the bus.
1764380009.000000 node1 kernel: NVRM: Xid (PCI:0000:3b:00): 79, pid='<unknown>', name=<unknown>, GPU has fallen off the bus.
1764380001.500000 node1 kernel: NVRM: Xid (PCI:0000:5e:00): 31, pid=4711, name=python, Ch 00000008, intr 10000000. MMU Fault
1764380002.000000 node1 kernel: audit: comm="NVRM: Xid (PCI:0000:00:00): 99,"`;
  const { text } = await metricsOf({ gpus: idleRow, kernel });
  expect(valuesOf(text, /xid_/)).toEqual([
    'imagectl_gpu_xid_timestamp_seconds{pci="0000:3b:00",xid="79"} 1764380009.000',
    'imagectl_gpu_xid_timestamp_seconds{pci="0000:5e:00",xid="31"} 1764380001.500',
  ]);
});

describe("what fails is said to have failed, and no GPU looks idle", () => {
  const lost = "Unable to determine the device handle for GPU0000:3B:00.0: GPU is lost. Reboot the system";
  test.each<[string, Answers]>([
    ["it is not there", { gpus: "", before: ["query", "exit 127"] }],
    ["it ends with an error", { gpus: idleRow, before: ["query", `echo "${lost}"; exit 15`] }],
    ["it says nothing", { gpus: "" }],
    ["it says something else", { gpus: "No devices were found" }],
    ["a line is cut off", { gpus: `${idleRow}\n${busyRow.slice(0, 80)}` }],
    ["there is no uuid", { gpus: idleRow.replace(idle, "[Unknown Error]") }],
    ["bytes come", { gpus: "\u0001\u0007\u00ff, \u0000".repeat(50).replaceAll("\u0000", "\u0002") }],
  ])("%s", async (_name, answers) => {
    const { text } = await metricsOf(answers, 2);
    expect(success(text)).toContain("gpus 0");
    expect(valuesOf(text, /^(?!imagectl_gpu_query_)/)).toEqual(["imagectl_gpus_expected 2"]);
  });

  test.each<[string, Partial<Answers>]>([
    ["it cannot be asked", { before: ["compute-apps", "exit 9"] }],
    ["its answer is cut off", { processes: `${busy}, 1` }],
  ])("users: %s", async (_name, answers) => {
    const { text } = await metricsOf({ gpus: busyRow, ...answers });
    expect(success(text)).toEqual(["gpus 1", "processes 0", "rows 1", "xids 1"]);
    expect(valuesOf(text, /gpu_(user_)?(processes|memory_bytes)/)).toEqual([]);
    expect(valuesOf(text, /^imagectl_gpus /)).toEqual(["imagectl_gpus 1"]);
  });

  test("the reason goes to the journal", async () => {
    const { stderr } = await metricsOf({ gpus: idleRow, before: ["query-gpu", `echo "${lost}"; exit 15`] });
    expect(stderr).toContain(`asking for gpus failed: ${lost}`);
    expect(stderr).toContain("exit 15");
  });

  test.concurrent("it hangs, and takes no notice of signals that ask", { timeout: 30_000 }, async () => {
    const { text, stderr } = await metricsOf({
      gpus: idleRow,
      before: ["query", "trap '' TERM; sleep 60 & wait; wait"],
    });
    expect(success(text)).toEqual(["gpus 0", "processes 0", "rows 0", "xids 1"]);
    expect(stderr).toContain("exit 137");
  });

  test.concurrent("it hangs where no signal reaches it: the exporter does not", {
    timeout: 30_000,
  }, async () => {
    // Stopped, timeout(1) kills nothing: as when its child never ends.
    const file = join(folder, "stopped");
    const { text } = await metricsOf({
      gpus: idleRow,
      before: ["query", `echo $PPID >${file}; kill -STOP $PPID`],
    });
    process.kill(Number(readFileSync(file, "utf8")), "SIGKILL");
    expect(success(text)).toEqual(["gpus 0", "processes 0", "rows 0", "xids 1"]);
  });
});
