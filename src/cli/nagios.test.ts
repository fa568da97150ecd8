/** What Nagios reads: the first line, the numbers behind the bar, and the exit code. */
import { expect, test } from "vitest";
import { ImagectlError } from "../errors.ts";
import type { NodeView } from "../serve/operator-types.ts";
import { nagiosOfError, nagiosOfNodes } from "./nagios.ts";

function view(node: string, state: object | undefined): NodeView {
  const attempt = state === undefined ? undefined : { state };
  return { node, group: "gpu", address: "10.77.0.11", attempt, hasSystem: true } as unknown as NodeView;
}

const ready = view("node1", { stage: "ready", isLive: false });
const installing = view("node2", { stage: "deploying", isLive: true });
const late = view("node3", {
  ...{ stage: "network-boot", isLive: true },
  cause: { code: "STAGE_OVERDUE", message: "silent for 5 min", hint: "Look at its console" },
});
const failed = view("node4", {
  ...{ stage: "failed", isLive: false },
  cause: { code: "STEP_FAILED", message: "curl | zstd: no space\nleft", hint: "See its log" },
});
const disarmed = view("node5", {
  ...{ stage: "disarmed", isLive: false },
  cause: { code: "STEP_FAILED", message: "over", hint: "Arm it" },
});
const unarmed = view("node6", undefined);

test.each([
  [
    "all is well",
    [ready, installing, unarmed, disarmed],
    0,
    "IMAGECTL OK - 1 of 4 nodes ready, 1 being installed | nodes=4 ready=1 working=1 failed=0\n",
  ],
  [
    "no node at all",
    [],
    0,
    "IMAGECTL OK - 0 of 0 nodes ready, 0 being installed | nodes=0 ready=0 working=0 failed=0\n",
  ],
  [
    "what is overdue goes on",
    [ready, late],
    1,
    "IMAGECTL WARNING - node3: silent for 5 min | nodes=2 ready=1 working=1 failed=0\n",
  ],
  [
    "a failed one goes before it, and its message has neither bar nor line",
    [late, failed],
    2,
    "IMAGECTL CRITICAL - node3: silent for 5 min; node4: curl / zstd: no space left | nodes=2 ready=0 working=1 failed=1\n",
  ],
])("%s", (_name, nodes, exitCode, firstLine) => {
  const answer = nagiosOfNodes(nodes);
  expect(answer.exitCode).toBe(exitCode);
  expect(answer.text.slice(0, answer.text.indexOf("\n") + 1)).toBe(firstLine);
});

test("a service that is away is critical; what keeps the plugin from asking is unknown", () => {
  const away = new ImagectlError("SERVER_NOT_RUNNING", "nobody listens", {
    hint: "systemctl start imagectl",
  });
  expect(nagiosOfError(away)).toEqual({
    text: "IMAGECTL CRITICAL - nobody listens\nsystemctl start imagectl\n",
    exitCode: 2,
  });
  const refused = new ImagectlError("ROOT_REQUIRED", "not for you", { hint: "sudo" });
  expect(nagiosOfError(refused)).toMatchObject({
    exitCode: 3,
    text: "IMAGECTL UNKNOWN - not for you\nsudo\n",
  });
});
