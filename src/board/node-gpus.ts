/** What one node says of its GPUs -> each of them free, in use, or neither. What is not known is never free. */
import { readSamples, type Sample } from "./exposition.ts";

/** `unusable`: it is broken or away. `unknown`: it could not be asked, or the answer is not to be believed. */
export type GpuState = "free" | "busy" | "unusable" | "unknown";

/** Processes of one user with one name, taken together. */
export type GpuUser = {
  /** As the node knows the user; `unknown` where it cannot see whose a process is. */
  readonly user: string;
  readonly command: string;
  /** Of Slurm; empty: none. */
  readonly job: string;
  /** The first 12 digits; empty: none. */
  readonly container: string;
  readonly processes: number;
  readonly memoryBytes: number | undefined;
  /** ISO 8601, UTC: when the oldest of them was started. */
  readonly startedAt: string | undefined;
};

export type Gpu = {
  /** As nvidia-smi counts them; empty where it does not show one that should be there. */
  readonly index: string;
  readonly model: string;
  readonly state: GpuState;
  /** Why it is neither free nor in use; empty otherwise. */
  readonly why: string;
  /** 0 to 1. */
  readonly utilization: number | undefined;
  readonly memoryUsedBytes: number | undefined;
  readonly memoryTotalBytes: number | undefined;
  readonly temperatureCelsius: number | undefined;
  readonly users: readonly GpuUser[];
};

export type NodeGpus = {
  /** How old the answers were when the node gave them, by its own clock. Seconds. */
  readonly ageSeconds: number;
  readonly gpus: readonly Gpu[];
};

/** The driver itself needs some hundred MB of a card at most. Our choice: more than this is somebody's, of a whole. */
const idleMemoryPart = 0.05;

/**
 * @param text the node's metrics, in Prometheus' text format.
 * @param now for a node that does not tell its own time.
 * @returns undefined when the node says nothing of GPUs at all.
 */
export function readNodeGpus(text: string, now: Date): NodeGpus | undefined {
  const said = heard(readSamples(text, ["imagectl_gpu", "node_time_seconds"]));
  const askedAt = said.one("imagectl_gpu_query_timestamp_seconds");
  if (askedAt === undefined) return undefined;
  const nodeTime = said.one("node_time_seconds") ?? now.getTime() / 1000;
  const wasAsked = (query: string): boolean => said.one("imagectl_gpu_query_success", { query }) === 1;
  const gpus = said
    .all("imagectl_gpu_info")
    .map(({ labels }) => readGpu(said, labels, wasAsked("processes")))
    .sort((left, right) => Number(left.index) - Number(right.index));
  const missing = Math.max(0, (said.one("imagectl_gpus_expected") ?? 0) - gpus.length);
  const ghost: Gpu = wasAsked("gpus")
    ? { ...emptyGpu, state: "unusable", why: "does not answer" }
    : { ...emptyGpu, state: "unknown", why: "nvidia-smi fails" };
  // A node may say any number; no machine has more than this.
  const ghosts = Array.from({ length: Math.min(missing, 64) }, () => ghost);
  return { ageSeconds: Math.max(0, nodeTime - askedAt), gpus: [...gpus, ...ghosts] };
}

const emptyGpu: Omit<Gpu, "state" | "why"> = {
  index: "",
  model: "",
  utilization: undefined,
  memoryUsedBytes: undefined,
  memoryTotalBytes: undefined,
  temperatureCelsius: undefined,
  users: [],
};

type Labels = Readonly<Record<string, string>>;
type Said = {
  all(name: string, labels?: Labels): readonly Sample[];
  /** The value of the first. */
  one(name: string, labels?: Labels): number | undefined;
};

function heard(samples: readonly Sample[]): Said {
  const byName = Map.groupBy(samples, ({ name }) => name);
  const all = (name: string, wanted: Labels = {}): readonly Sample[] =>
    (byName.get(name) ?? []).filter(({ labels }) =>
      Object.entries(wanted).every(([label, value]) => labels[label] === value),
    );
  return { all, one: (name, labels) => all(name, labels)[0]?.value };
}

function readGpu(said: Said, { uuid = "", gpu = "", name = "" }: Labels, areProcessesKnown: boolean): Gpu {
  const number = (metric: string): number | undefined => said.one(`imagectl_gpu_${metric}`, { uuid });
  const read = {
    index: gpu,
    model: name,
    utilization: number("utilization_ratio"),
    memoryUsedBytes: number("memory_used_bytes"),
    memoryTotalBytes: number("memory_total_bytes"),
    temperatureCelsius: number("temperature_celsius"),
    users: readUsers(said, uuid),
  };
  const processes = areProcessesKnown ? number("processes") : undefined;
  const remap = (state: string): boolean => said.one("imagectl_gpu_row_remap", { uuid, state }) === 1;
  const sickness = remap("failed")
    ? "its memory is worn out"
    : remap("pending")
      ? "needs a reset: broken rows of memory"
      : "";
  return { ...read, ...judge({ ...read, processes, sickness }) };
}

type Judged = Pick<Gpu, "memoryUsedBytes" | "memoryTotalBytes"> & {
  /** Undefined: not known. */
  readonly processes: number | undefined;
  /** Empty: it is well. */
  readonly sickness: string;
};

/** Whoever computes on a sick card is shown; nobody is sent to one. */
function judge({
  processes,
  sickness,
  memoryUsedBytes,
  memoryTotalBytes,
}: Judged): Pick<Gpu, "state" | "why"> {
  if (processes === undefined) return { state: "unknown", why: "who uses it could not be asked" };
  if (processes > 0) return { state: "busy", why: sickness };
  if (sickness !== "") return { state: "unusable", why: sickness };
  if (memoryUsedBytes === undefined || memoryTotalBytes === undefined) return { state: "free", why: "" };
  return memoryUsedBytes > memoryTotalBytes * idleMemoryPart
    ? { state: "unknown", why: "its memory is in use, and no process is seen" }
    : { state: "free", why: "" };
}

function readUsers(said: Said, uuid: string): GpuUser[] {
  return said.all("imagectl_gpu_user_processes", { uuid }).map(({ labels, value }) => {
    const { user = "", command = "", job = "", container = "" } = labels;
    const same = { uuid, user, command, job, container };
    const startedAt = said.one("imagectl_gpu_user_start_timestamp_seconds", same);
    return {
      user,
      command,
      job,
      container,
      processes: value,
      memoryBytes: said.one("imagectl_gpu_user_memory_bytes", same),
      startedAt: startedAt === undefined ? undefined : isoTime(startedAt),
    };
  });
}

/** @returns undefined for what is no time that a date can be. */
function isoTime(seconds: number): string | undefined {
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}
