/**
 * From power-on to ready by stage, in wall seconds and in CPU seconds of the emulator, beside a plain boot of
 * the disk that was deployed, which is the limit.
 * Usage: node bench/boot.ts [uefi-x64|bios-x86] [RUNS] (as root; a run takes about six minutes on two cores)
 */
import { setTimeout as sleep } from "node:timers/promises";
import { type Firmware, firmwares } from "../src/store/manifest.ts";
import { lab } from "../vm-tests/support/lab-cluster.ts";
import { followStages, type Moment, stopwatch } from "../vm-tests/support/stages.ts";
import { openVmLab, type VmLab } from "../vm-tests/support/vm-lab.ts";
import { median } from "./median.ts";

type Measured = { readonly stages: ReadonlyMap<string, Moment>; readonly plain: Moment };

const firmware = firmwares.find((name) => name === (process.argv[2] ?? "uefi-x64"));
const runs = Number(process.argv[3] ?? 1);
if (firmware === undefined || !Number.isInteger(runs) || runs < 1) {
  throw new Error(`usage: node bench/boot.ts [${firmwares.join("|")}] [RUNS]`);
}

async function measure(of: Firmware): Promise<Measured> {
  const vm = await openVmLab({ firmware: of });
  try {
    await vm.bastion.start();
    await vm.bastion.imagectl(["arm", lab.node.name]);
    await vm.machine.boot();
    const stages = await followStages(vm, stopwatch(vm));
    await vm.machine.run("sync", 60);
    await vm.machine.powerOff();
    await vm.machine.boot("disk-first");
    const plain = await untilSettled(vm, stopwatch(vm));
    return { stages, plain };
  } finally {
    await vm.close();
  }
}

/** The same moment as the server's `verifying`: an ssh login works and systemd has started everything. */
async function untilSettled(vm: VmLab, elapsed: () => Moment): Promise<Moment> {
  for (;;) {
    const answer = await vm.machine
      .run("systemctl is-system-running --wait || true", 240)
      .catch(() => undefined);
    if (answer?.exitCode === 0) return elapsed();
    await sleep(1_000);
  }
}

const measured: Measured[] = [];
for (let index = 0; index < runs; index += 1) measured.push(await measure(firmware));

const names = [...new Set(measured.flatMap(({ stages }) => [...stages.keys()]))];
const middle = (moments: readonly (Moment | undefined)[]): Moment => {
  const present = moments.filter((moment) => moment !== undefined);
  return { wall: median(present.map(({ wall }) => wall)), cpu: median(present.map(({ cpu }) => cpu)) };
};
const row = (name: string, { wall, cpu }: Moment): void =>
  console.log(`${name.padEnd(44)} ${wall.toFixed(1).padStart(8)} ${cpu.toFixed(1).padStart(8)}`);

console.log(`${firmware}, ${runs} run(s), medians; seconds since power-on`);
console.log(`${"".padEnd(44)} ${"wall".padStart(8)} ${"CPU".padStart(8)}`);
for (const name of names) row(name, middle(measured.map(({ stages }) => stages.get(name))));
const plain = middle(measured.map((each) => each.plain));
row("plain boot of the same disk, settled", plain);
for (const name of ["verifying", "ready"]) {
  const moment = middle(measured.map(({ stages }) => stages.get(name)));
  const ratio = { wall: moment.wall / plain.wall, cpu: moment.cpu / plain.cpu };
  console.log(`${name} / plain boot: ${ratio.wall.toFixed(2)} x wall, ${ratio.cpu.toFixed(2)} x CPU`);
}
