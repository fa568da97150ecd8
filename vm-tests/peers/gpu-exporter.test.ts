/** The GPU exporter against an nvidia-smi that answers as real ones did, and as broken ones do. There is no GPU here. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { run } from "../../src/run.ts";
import { type Answers, busy, busyRow, GpuAnswers, idle, idleRow, sickRow } from "../support/gpu-answers.ts";

const gpus = new GpuAnswers();
const metricsOf = gpus.metricsOf.bind(gpus);
const startAs = gpus.startAs.bind(gpus);
afterAll(() => gpus.close());

/** The values of the metrics that a pattern names, by name and labels, sorted. */
function valuesOf(text: string, pattern: RegExp): string[] {
  return text
    .split("\n")
    .filter((line) => !/^(#|$)/.test(line) && pattern.test(line))
    .sort();
}

const success = (text: string) =>
  valuesOf(text, /query_success/).map((line) => line.replace(/.*query="(.*)"} /, "$1 "));

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

  test("how long a user has it is known by the oldest of the processes", async () => {
    const before = Math.floor(Date.now() / 1000);
    await vi.waitUntil(() => Date.now() / 1000 > before + 1.1);
    const younger = await startAs(65_534, "train.py");
    const { stdout } = await run("ps", ["-o", "lstart=", "-p", String(nobody)], {
      env: { LC_ALL: "C", TZ: "UTC" },
    });
    const { text } = await metricsOf({
      gpus: `${idleRow}\n${busyRow}`,
      processes: `${busy}, ${younger}, 1\n${busy}, ${nobody}, 1\n${busy}, ${hostile}, 1`,
    });
    const shown = valuesOf(text, /user_start.*command="train.py"/).map((line) =>
      Number(line.split(" ").at(-1)),
    );
    expect(shown).toHaveLength(1);
    expect(Math.abs((shown[0] as number) - Date.parse(`${stdout.trim()} UTC`) / 1000)).toBeLessThanOrEqual(1);
    expect(shown[0]).toBeLessThanOrEqual(before);
    // A name with a bracket and a blank does not move the field.
    const [strange] = valuesOf(text, /user_start.*command="a___1/).map((line) =>
      Number(line.split(" ").at(-1)),
    );
    expect(Math.abs((strange as number) - (shown[0] as number))).toBeLessThan(60);
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
    const file = join(gpus.folder, "stopped");
    const { text } = await metricsOf({
      gpus: idleRow,
      before: ["query", `echo $PPID >${file}; kill -STOP $PPID`],
    });
    process.kill(Number(readFileSync(file, "utf8")), "SIGKILL");
    expect(success(text)).toEqual(["gpus 0", "processes 0", "rows 0", "xids 1"]);
  });
});
