/** The board as one page that reloads itself, for a screen on the wall as for a telephone. */
import { formatBytes, formatSeconds } from "../quantity.ts";
import { renderTemplate } from "../template.ts";
import { xmlView } from "../xml-text.ts";
import type { Board, BoardNode } from "./board.ts";
import type { Gpu, GpuUser } from "./node-gpus.ts";

/** @param template templates/board/board.html.hbs. @returns a whole HTML document that needs no other file and no script. */
export function boardPage(board: Board, template: string): string {
  const view = {
    headline: headlineOf(board),
    madeAt: `${board.madeAt.slice(0, 19).replace("T", " ")} UTC`,
    places: freePlaces(board),
    nodes: board.nodes.map((node) => viewNode(node, board.madeAt)),
    without: board.without.join(", "),
  };
  return renderTemplate(template, xmlView(view), "board.html.hbs").text;
}

/** @returns `3 of 8 GPUs are free`. */
export function headlineOf({ free, total }: Pick<Board, "free" | "total">): string {
  return total === 0 ? "No GPU is known" : `${free} of ${total} GPUs ${free === 1 ? "is" : "are"} free`;
}

function freePlaces({ nodes }: Board): { node: string; gpus: string }[] {
  return nodes.flatMap(({ node, gpus }) => {
    const free = gpus.filter(({ state }) => state === "free").map(({ index }) => index);
    return free.length === 0 ? [] : [{ node, gpus: free.join(", ") }];
  });
}

function viewNode({ node, group, isCurrent, why, gpus }: BoardNode, madeAt: string) {
  return { node, group, why, isStale: !isCurrent, gpus: gpus.map((gpu) => viewGpu(gpu, isCurrent, madeAt)) };
}

function viewGpu(gpu: Gpu, isCurrent: boolean, madeAt: string) {
  const { index, model, state, why, users } = gpu;
  return {
    index: index === "" ? "–" : index,
    model,
    state,
    why,
    use: isCurrent ? describeUse(gpu) : "",
    // A bar would be looked at before the word beside it.
    percent: isCurrent ? Math.round(Math.min(1, Math.max(0, gpu.utilization ?? 0)) * 100) : 0,
    users: users.map((user) => viewUser(user, isCurrent ? madeAt : undefined)),
  };
}

/** @returns such as `97 %, 17.0 GB of 151 GB, 66 °C`: what is known of it. */
export function describeUse({
  utilization,
  memoryUsedBytes,
  memoryTotalBytes,
  temperatureCelsius,
}: Gpu): string {
  return [
    utilization === undefined ? "" : `${Math.round(utilization * 100)} %`,
    memoryUsedBytes === undefined || memoryTotalBytes === undefined
      ? ""
      : `${formatBytes(memoryUsedBytes)} of ${formatBytes(memoryTotalBytes)}`,
    temperatureCelsius === undefined ? "" : `${temperatureCelsius} °C`,
  ]
    .filter((part) => part !== "")
    .join(", ");
}

/** @param now undefined: it was then, and may be over. */
function viewUser(user: GpuUser, now: string | undefined) {
  const memory = user.memoryBytes === undefined ? "" : formatBytes(user.memoryBytes);
  const facts = now === undefined ? [] : [describeAge(user, now), memory];
  return { user: user.user, work: describeWork(user), facts: facts.filter((fact) => fact !== "").join(", ") };
}

/** @returns such as `train.py (2 processes, job 4711)`. */
export function describeWork({ command, processes, job, container }: GpuUser): string {
  const more = [
    processes > 1 ? `${processes} processes` : "",
    job === "" ? "" : `job ${job}`,
    container === "" ? "" : `container ${container}`,
  ].filter((part) => part !== "");
  return `${command}${more.length === 0 ? "" : ` (${more.join(", ")})`}`;
}

/** @returns such as `for 3 h 20 min`; empty where it is not known. */
export function describeAge({ startedAt }: Pick<GpuUser, "startedAt">, madeAt: string): string {
  if (startedAt === undefined) return "";
  return `for ${formatSeconds((Date.parse(madeAt) - Date.parse(startedAt)) / 1000)}`;
}
