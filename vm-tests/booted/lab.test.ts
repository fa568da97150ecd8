import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { type LabNetwork, openLabNetwork } from "../../src/lab/network.ts";
import { packageRoot } from "../../src/paths.ts";
import { run, start } from "../../src/run.ts";
import { lab } from "../support/lab-cluster.ts";

const open: LabNetwork[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((network) => network.close()));
});

async function openNetwork(): Promise<LabNetwork> {
  const network = await openLabNetwork(lab);
  open.push(network);
  return network;
}

async function neighboursOf({ bastion }: LabNetwork): Promise<string> {
  const [program, ...enter] = bastion.enter;
  const script = `ping -c 1 -W 2 ${lab.outsider} >/dev/null; ip -o neigh show dev ${lab.bastionInterface}`;
  return (await run(program, [...enter, "sh", "-c", script])).stdout;
}

test("two labs with the same addresses stand side by side and do not hear each other", async () => {
  const [first, second] = [await openNetwork(), await openNetwork()];
  expect(await neighboursOf(first)).toContain(lab.outsider);
  await second.outsider?.ip("link", "set", "dev", "eth0", "down");
  expect(await neighboursOf(second)).not.toContain("REACHABLE");
  expect(await neighboursOf(first)).toContain("REACHABLE");
});

test("a lab whose process is killed leaves no namespace behind", async () => {
  const script = `
    import { openLabNetwork } from ${JSON.stringify(join(packageRoot, "src/lab/network.ts"))};
    const { switch: board, bastion, outsider } = await openLabNetwork(${JSON.stringify(lab)});
    console.log("open", board.pid, bastion.pid, outsider.pid);
    await new Promise(() => setInterval(() => {}, 1000));`;
  const pids = Promise.withResolvers<string[]>();
  const process_ = start(process.execPath, ["--input-type=module", "--eval", script], {
    onLine: (line) => {
      if (line.startsWith("open ")) pids.resolve(line.split(" ").slice(1));
    },
  });
  const holders = await pids.promise;
  expect(holders.every((pid) => existsSync(`/proc/${pid}`))).toBe(true);
  process_.stop("SIGKILL");
  await expect
    .poll(() => holders.filter((pid) => existsSync(`/proc/${pid}`)), { timeout: 5_000 })
    .toEqual([]);
});
