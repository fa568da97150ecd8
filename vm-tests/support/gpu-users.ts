/** GPUs of which there are none: a program that stands for nvidia-smi, and what is then seen of who uses them. */
import { expect, test } from "vitest";
import { type BootedLab, onMachine } from "./booted-lab.ts";
import { lab } from "./lab-cluster.ts";

const gpus = [
  "GPU-6f1e2d3c-0000-0000-0000-00000000000a",
  "GPU-6f1e2d3c-0000-0000-0000-00000000000b",
] as const;
/** What the program says of processes. */
const users = "/run/imagectl-test-gpu-users";

/** How many there are. */
export const gpuCount = gpus.length;

export async function placeGpus(booted: BootedLab): Promise<void> {
  const numbers = "NVIDIA H200, 590.48.01, 0, 0, 55, 143771, 28, 78.28, 700.00, 345, 3201, 0, 0";
  const row = (index: 0 | 1): string => `${index}, ${gpus[index]}, ${numbers}${", Not Active".repeat(5)}`;
  await onMachine(
    booted,
    `: >${users}
cat >/usr/local/bin/nvidia-smi <<'PROGRAM'
#!/bin/sh
case $* in
*--query-gpu=*) printf '%s\\n' '${row(0)}' '${row(1)}' ;;
*--query-compute-apps=*) cat ${users} ;;
*--query-remapped-rows=*) printf '%s\\n' '${gpus[0]}, 0, 0' '${gpus[1]}, 0, 0' ;;
*) exit 2 ;;
esac
PROGRAM
chmod 0755 /usr/local/bin/nvidia-smi`,
  );
}

/** @param ask PromQL, answered by the Prometheus that watches. */
export function describeGpuUsers(booted: () => BootedLab, ask: (query: string) => Promise<string>): void {
  test("a user's job on a GPU is seen on the bastion, and takes it from those that are free", async () => {
    const pid = await onMachine(
      booted(),
      `group=/sys/fs/cgroup/slurm/job_4711/step_0
      mkdir -p "$group"
      setpriv --reuid alice --regid "$(id -g alice)" --clear-groups sleep 600 </dev/null >/dev/null 2>&1 &
      echo $! >"$group/cgroup.procs"
      echo "${gpus[1]}, $!, 2194" >${users}
      echo $!`,
    );
    const shown = async (): Promise<string> => {
      const script = `curl -sS http://${lab.node.address}:9100/metrics | grep -E '^imagectl_gpu_(user_)?processes' | sort`;
      return (await booted().vantages.bastion(script, 30)).stdout.trim();
    };
    const count = (gpu: 0 | 1, value: number): string =>
      `imagectl_gpu_processes{gpu="${gpu}",uuid="${gpus[gpu]}"} ${value}`;
    // The node exporter sorts labels.
    const user = `imagectl_gpu_user_processes{command="sleep",container="",gpu="1",job="4711",user="alice",uuid="${gpus[1]}"} 1`;
    await expect
      .poll(shown, { timeout: 40_000, interval: 1_000 })
      .toBe([count(0, 0), count(1, 1), user].join("\n"));
    const free = () => ask('sum(imagectl_gpus_free{instance="node1"})');
    await expect.poll(free, { timeout: 60_000, interval: 1_000 }).toMatch(/=> 1 @/);

    await onMachine(booted(), `kill ${pid}; : >${users}`);
    await expect
      .poll(shown, { timeout: 40_000, interval: 1_000 })
      .toBe([count(0, 0), count(1, 0)].join("\n"));
    await expect.poll(free, { timeout: 60_000, interval: 1_000 }).toMatch(/=> 2 @/);
  });
}
