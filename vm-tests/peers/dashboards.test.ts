/** The dashboards without Grafana, which cannot be had here: a real Prometheus answers each of their questions. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { openScratch, type Scratch } from "../../src/lab/scratch.ts";
import { dyingWithUs, type Namespace, openNamespace } from "../../src/namespace.ts";
import { packageRoot } from "../../src/paths.ts";
import { anyExitCode, run, type StartedProcess, start } from "../../src/run.ts";
import { busy, busyRow, GpuAnswers, idleRow } from "../support/gpu-answers.ts";
import { cache } from "../support/image.ts";

const role = join(packageRoot, "templates/roles/grafana/files");
const folder = join(role, "usr/share/imagectl/dashboards");

const Panel = z.looseObject({
  id: z.int(),
  title: z.string().min(1),
  datasource: z.strictObject({ type: z.literal("prometheus"), uid: z.string() }),
  gridPos: z.strictObject({ x: z.int(), y: z.int(), w: z.int(), h: z.int() }),
  targets: z.array(z.looseObject({ expr: z.string().min(1) })).min(1),
});
const Dashboard = z.looseObject({
  uid: z.string().regex(/^imagectl-[a-z]+$/),
  title: z.string().min(1),
  editable: z.literal(false),
  schemaVersion: z.literal(39),
  panels: z.array(Panel).min(1),
});
type Panel = z.output<typeof Panel>;

const dashboards = readdirSync(folder).map((file) =>
  Dashboard.parse(JSON.parse(readFileSync(join(folder, file), "utf8"))),
);
const questions = dashboards.flatMap(({ uid, panels }) =>
  panels.flatMap(({ title, targets }) =>
    targets.map(({ expr }): [string, string] => [
      `${uid}, ${title}`,
      expr.replaceAll("$__rate_interval", "4h"),
    ]),
  ),
);

/** Hours of what was recorded: longer than any question looks back. */
const hours = 32 * 24;
const newest = Math.floor(Date.now() / 3_600_000) * 3_600;

/** A series with its value in each hour. */
type Series = readonly [series: string, valueAt: (hour: number) => number];
const node = 'instance="node1",group="gpu",job="node"';
const gpu = `${node},gpu="0",uuid="GPU-0"`;
const disk = `${node},fstype="ext4",mountpoint="/"`;
const recorded: readonly Series[] = [
  [`imagectl_gpus{${node}}`, () => 2],
  [`imagectl_gpus_expected{${node}}`, () => 2],
  ['imagectl_gpus_free{instance="node1",group="gpu"}', (hour) => hour % 3],
  ['imagectl_gpus_busy{instance="node1",group="gpu"}', (hour) => 2 - (hour % 3)],
  ['imagectl_gpus_of_user{user="alice"}', (hour) => 2 - (hour % 3)],
  [`imagectl_gpu_utilization_ratio{${gpu}}`, () => 0.5],
  [`imagectl_gpu_memory_used_bytes{${gpu}}`, (hour) => (hour % 140) * 1e9],
  [`imagectl_gpu_memory_total_bytes{${gpu}}`, () => 150e9],
  [`imagectl_gpu_temperature_celsius{${gpu}}`, () => 66],
  [`imagectl_gpu_power_watts{${gpu}}`, () => 695],
  [`imagectl_gpu_throttled{${gpu},reason="sw_power_cap"}`, () => 1],
  [`imagectl_gpu_user_memory_bytes{${gpu},user="alice",command="train.py"}`, () => 1e9],
  [`up{${node}}`, () => 1],
  ['ALERTS{alertname="DiskFull",alertstate="firing",severity="warning",instance="node1"}', () => 1],
  [`node_systemd_unit_state{${node},name="ssh.service",state="failed"}`, () => 0],
  [`node_cpu_seconds_total{${node},cpu="0",mode="idle"}`, (hour) => hour * 1_800],
  [`node_memory_MemAvailable_bytes{${node}}`, () => 1e9],
  [`node_memory_MemTotal_bytes{${node}}`, () => 4e9],
  [`node_filesystem_avail_bytes{${disk}}`, (hour) => 1e12 - hour * 1e6],
  [`node_filesystem_size_bytes{${disk}}`, () => 2e12],
  [`node_disk_read_bytes_total{${node},device="sda"}`, (hour) => hour * 1e6],
  [`node_disk_written_bytes_total{${node},device="sda"}`, (hour) => hour * 1e6],
  [`node_network_receive_bytes_total{${node},device="eth0"}`, (hour) => hour * 1e6],
  [`node_network_transmit_bytes_total{${node},device="eth0"}`, (hour) => hour * 1e6],
  ['imagectl_backup_last_success_timestamp_seconds{node="node1"}', () => newest - 7_200],
];

/** OpenMetrics: one family after the other, each sample with its second. */
function openMetrics(): string {
  const lines = recorded.flatMap(([series, valueAt]) =>
    Array.from(
      { length: hours },
      (_unused, hour) => `${series} ${valueAt(hour)} ${newest - (hours - 1 - hour) * 3_600}`,
    ),
  );
  return `${lines.join("\n")}\n# EOF\n`;
}

let scratch: Scratch;
let place: Namespace;
let prometheus: StartedProcess | undefined;
const gpus = new GpuAnswers();

const inside = (words: readonly string[]) =>
  run(place.enter[0], [...place.enter.slice(1), ...words], { okExitCodes: anyExitCode, timeoutMs: 60_000 });
const url = "http://127.0.0.1:9090";
const ask = async (expr: string): Promise<string> => {
  const { stdout, stderr } = await inside(["promtool", "query", "instant", `--time=${newest}`, url, expr]);
  return stdout.trim() || stderr.trim();
};

beforeAll(async () => {
  scratch = openScratch({ cache, pid: process.pid });
  place = await openNamespace("bastion");
  const work = scratch.folder("prometheus");
  writeFileSync(join(work, "recorded"), openMetrics());
  writeFileSync(join(work, "prometheus.yml"), "scrape_configs: []\n");
  // Without it, one block for each two hours.
  const blocks = ["create-blocks-from", "openmetrics", "--max-block-duration=1000h"];
  await run("promtool", ["tsdb", ...blocks, join(work, "recorded"), join(work, "data")], {
    timeoutMs: 60_000,
  });
  const [program, ...words] = [...dyingWithUs, ...place.enter] as const;
  const options = ["config.file", "storage.tsdb.path"].map(
    (name, index) => `--${name}=${join(work, ["prometheus.yml", "data"][index] as string)}`,
  );
  const more = ["--web.listen-address=127.0.0.1:9090", "--storage.tsdb.retention.time=400d"];
  prometheus = start(program, [...words, "prometheus", ...options, ...more], { onLine: () => {} });
  await vi.waitUntil(async () => (await inside(["curl", "-fsS", `${url}/-/ready`])).exitCode === 0, 60_000);
});
afterAll(async () => {
  prometheus?.stop("SIGKILL");
  await prometheus?.exited;
  await place?.close();
  await gpus.close();
  scratch?.close();
});

test.for(questions)("a month of recorded numbers answers %s: %s", async ([, expr]) => {
  expect(await ask(expr)).toMatch(/=> -?[0-9.e+]+ @/);
});

test("a question that nothing answers is seen as such", async () => {
  expect(await ask("imagectl_gpus_freed")).toBe("");
  expect(await ask("sum(")).toMatch(/parse error/);
});

test("what is recorded here is called as the exporters call it", async () => {
  const { text } = await gpus.metricsOf({
    gpus: `${idleRow}\n${busyRow}`,
    processes: `${busy}, ${process.pid}, 1`,
  });
  const files = [
    "docs/metrics.md",
    "gpu-exporter/alerts.yaml",
    "node-exporter/alerts.yaml",
    "backup-puller/alerts.yaml",
  ];
  const known = [text, ...files.map((file) => readText(file))].join("\n");
  const names = new Set(recorded.map(([series]) => series.replace(/\{.*/, "")));
  names.delete("ALERTS");
  expect([...names].filter((name) => !new RegExp(`\\b${name}\\b`).test(known))).toEqual([]);
});

test("each dashboard and panel has a name of its own, asks the source that is set up, and lies on no other", () => {
  expect(new Set(dashboards.map(({ uid }) => uid)).size).toBe(dashboards.length);
  const { datasources } = parse(
    readFileSync(join(role, "etc/grafana/provisioning/datasources/imagectl.yaml"), "utf8"),
  );
  for (const { panels } of dashboards) {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    expect(panels.map(({ datasource }) => datasource.uid)).toEqual(panels.map(() => datasources[0].uid));
    const fields = panels.flatMap(fieldsOf);
    expect(new Set(fields).size).toBe(fields.length);
    expect(panels.filter(({ gridPos: { x, w } }) => x < 0 || x + w > 24)).toEqual([]);
  }
});

function readText(file: string): string {
  return readFileSync(join(packageRoot, file.startsWith("docs/") ? "" : "templates/roles", file), "utf8");
}

/** The fields of Grafana's grid, 24 wide, that a panel covers. */
function fieldsOf({ gridPos: { x, y, w, h } }: Panel): string[] {
  return Array.from({ length: w * h }, (_unused, index) => `${x + (index % w)},${y + Math.floor(index / w)}`);
}
