/** `imagectl test`, as an operator runs it before a change: the example cluster in namespaces. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { packageRoot } from "../../src/paths.ts";
import { anyExitCode, type RunResult, run, start } from "../../src/run.ts";
import { cache, ensureImage, imagectl, testState } from "../support/image.ts";

const clusterFile = join(packageRoot, "examples/cluster.yaml");
/** Its own, since the tests beside this one may be building: with the same cache it would be refused. */
const rehearsalCache = join(cache, "rehearsal");
const environment = { IMAGECTL_STATE: testState, IMAGECTL_CACHE: rehearsalCache };

function rehearse(...words: readonly string[]): Promise<RunResult> {
  return run(imagectl, ["test", "--cluster", clusterFile, ...words], {
    env: environment,
    okExitCodes: anyExitCode,
    timeoutMs: 10 * 60_000,
  });
}

const interfaces = async (): Promise<string> =>
  (await run("ip", ["-o", "link"])).stdout.replace(/ qlen.*/g, "");

let interfacesBefore: string;
beforeAll(async () => {
  await ensureImage(clusterFile, "debian-12");
  interfacesBefore = await interfaces();
});

test("--list-faults names the checks' own faults and those of what is around the node", async () => {
  const { exitCode, stdout } = await rehearse("--list-faults");
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/^network-unplugged /m);
  expect(stdout).toMatch(/^sshd: /m);
});

test("the node is ready from three sides, and a check that its fault turns red is green again without it", async () => {
  const fault = /^(sshd: .*?) {2,}/m.exec((await rehearse("--list-faults")).stdout)?.[1];
  const { exitCode, stdout, stderr } = await rehearse("--json", "--fault", fault ?? "no such check");
  expect(exitCode, stderr).toBe(0);
  const { level, isGood, nodes } = JSON.parse(stdout);
  expect({ level, isGood, count: nodes.length }).toEqual({ level: "namespaces", isGood: true, count: 1 });
  const [node] = nodes;
  expect(node).toMatchObject({ node: "node1", group: "gpu", os: "debian-12", report: { isReady: true } });
  expect(node.faults).toEqual([{ fault, isProved: true, reason: expect.stringMatching(/./) }]);
  const places = node.report.results
    .filter(({ outcome }: { outcome: string }) => outcome === "green")
    .map(({ from }: { from: string }) => from);
  expect(new Set(places)).toEqual(new Set(["node", "bastion", "outsider"]));
  expect(stderr).toContain("node1: booting its image in namespaces");
  expect(await interfaces()).toBe(interfacesBefore);
});

test("a pulled cable turns the node red, and it is ready again when the cable is back", async () => {
  const { exitCode, stdout, stderr } = await rehearse("--fault", "network-unplugged");
  expect(exitCode, stderr + stdout).toBe(0);
  expect(stdout).toMatch(/^proved {2}network-unplugged: red: .*; green again$/m);
  expect(stdout).toMatch(/^node1 is ready: .*\(gpu, debian-12\)$/m);
});

test("Ctrl-C takes down what stands and leaves no process, no folder and no interface", async () => {
  const booted = Promise.withResolvers<void>();
  const said: string[] = [];
  const rehearsal = start(imagectl, ["test", "--cluster", clusterFile], {
    env: environment,
    onLine: (line) => {
      said.push(line);
      if (line.includes("checks from the node")) booted.resolve();
    },
  });
  await Promise.race([booted.promise, rehearsal.exited]);
  const mine = readdirSync(join(rehearsalCache, "lab")).filter((name) =>
    name.startsWith(`${rehearsal.pid}-`),
  );
  expect(mine, said.join("\n")).toHaveLength(1);
  rehearsal.stop("SIGINT");
  const { exitCode } = await rehearsal.exited;
  expect(exitCode, said.join("\n")).not.toBe(0);
  expect(existsSync(join(rehearsalCache, "lab", mine[0] as string))).toBe(false);
  expect(processesNaming(mine[0] as string)).toEqual([]);
  expect(await interfaces()).toBe(interfacesBefore);
});

/** Command lines of processes that name this text. */
function processesNaming(text: string): string[] {
  const pids = readdirSync("/proc").filter((name) => /^[0-9]+$/.test(name));
  const lines = pids.map((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
    } catch {
      return ""; // it has ended since
    }
  });
  return lines.filter((line) => line.includes(text));
}
