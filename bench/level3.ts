/**
 * How long a level-3 boot takes: the built image's root made node1's own, and booted under its own systemd.
 * Usage: node bench/level3.ts [RUNS] (as root; default 5)
 */
import { openBootedLab } from "../vm-tests/support/booted-lab.ts";
import { median } from "./median.ts";

const runs = Number(process.argv[2] ?? 5);
if (!Number.isInteger(runs) || runs < 1) throw new Error("usage: node bench/level3.ts [RUNS]");

const seconds = async (work: () => Promise<unknown>): Promise<number> => {
  const startedMs = performance.now();
  await work();
  return (performance.now() - startedMs) / 1000;
};

/** The first one may build the image and unpack its root: what is kept between runs is not measured. */
await (await openBootedLab()).close();
const whole: number[] = [];
const boots: number[] = [];
for (let index = 0; index < runs; index += 1) {
  let booted: Awaited<ReturnType<typeof openBootedLab>> | undefined;
  whole.push(
    await seconds(async () => {
      booted = await openBootedLab();
    }),
  );
  await booted?.host.powerOff();
  boots.push(await seconds(async () => booted?.host.boot()));
  await booted?.close();
}
console.log(`${runs} runs, medians, wall seconds`);
console.log(`lab from nothing to a booted node: ${median(whole).toFixed(1)}`);
console.log(`boot alone:                        ${median(boots).toFixed(1)}`);
