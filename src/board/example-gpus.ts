/** For tests of what shows a board: a card that is free, and one that a user has. */
import type { Gpu } from "./node-gpus.ts";

export const freeGpu: Gpu = {
  index: "0",
  model: "NVIDIA H200",
  state: "free",
  why: "",
  utilization: 0,
  memoryUsedBytes: 57_671_680,
  memoryTotalBytes: 150_754_820_096,
  temperatureCelsius: 28,
  users: [],
};

export const exampleUser: Gpu["users"][number] = {
  user: "alice",
  command: "train.py",
  job: "4711",
  container: "",
  processes: 2,
  memoryBytes: 3_527_409_664,
  startedAt: "2026-11-29T08:40:00.000Z",
};

export const busyGpu: Gpu = {
  ...freeGpu,
  index: "1",
  state: "busy",
  utilization: 0.974,
  users: [exampleUser],
};
