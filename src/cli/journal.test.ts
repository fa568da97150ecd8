/** `imagectl journal`: what a person would have written down. */
import { expect, test } from "vitest";
import type { Attempt } from "../nodes/attempts.ts";
import type { EventBody, NodeEvent } from "../nodes/event.ts";
import type { NodeView } from "../serve/operator-types.ts";
import { readAlerts } from "./firing-alerts.ts";
import { formatJournal, type JournalInput, makeJournal } from "./journal-page.ts";

const [old, fresh] = ["a".repeat(64), "b".repeat(64)];
const armed = (imageId: string): EventBody => ({
  ...{ kind: "armed", imageId, planSha256: "c".repeat(64), revision: "not in git" },
  deadline: "2026-11-29T12:00:00.000Z",
});
const verified = (isReady: boolean, red: number): EventBody => ({
  ...{ kind: "verify-finished", isReady, red, green: 76 - red, notApplicable: 2 },
});

let id = 0;
const event = (node: string, at: string, body: EventBody): NodeEvent => ({
  ...{ id: ++id, attempt: 1, node, body },
  at: `2026-11-${at}:00.000Z`,
});

const input: JournalInput = {
  since: new Date("2026-11-20T00:00:00Z"),
  now: new Date("2026-11-29T14:20:31Z"),
  images: [
    { id: old, os: "debian-12", kind: "golden", createdAt: "2026-11-20T08:00:00.000Z", changes: undefined },
    {
      ...{ id: fresh, os: "debian-12", kind: "golden", createdAt: "2026-11-29T09:30:00.000Z" },
      changes: ["linux-image-amd64 6.1.1-1 -> 6.1.2-1", "+ new 1"],
    },
  ],
  events: [
    event("node1", "19T10:00", armed(old)),
    event("node1", "19T10:10", verified(true, 0)),
    event("node1", "29T10:00", armed(fresh)),
    event("node1", "29T10:09", verified(true, 0)),
    event("node1", "29T11:00", verified(true, 0)),
    event("node1", "29T12:00", verified(false, 3)),
    event("node1", "29T12:05", verified(false, 3)),
    event("node1", "29T13:00", verified(true, 0)),
    event("node2", "28T09:00", armed(old)),
    event("node2", "28T09:20", {
      kind: "attempt-failed",
      cause: { message: "the disk <b>sda</b> went away", hint: "Look at NODE" },
    }),
  ],
  nodes: [
    {
      ...{ node: "node2", group: "gpu", address: "10.77.0.12", hasSystem: false },
      attempt: {
        state: {
          stage: "failed",
          since: "2026-11-28T09:20:00.000Z",
          cause: { message: "the disk <b>sda</b> went away", hint: "Look at NODE" },
        },
      } as Attempt,
    } satisfies NodeView,
  ],
  alerts: [
    {
      name: "DiskFull",
      summary: "/srv of bastion has less than a tenth left",
      action: "Find what fills it",
      since: "2026-11-29T03:00:00.000Z",
    },
  ],
};

test("upgrades, changes of state and failures are written down once, the newest first", () => {
  expect(formatJournal(makeJournal(input))).toBe(`# Journal

Made by imagectl on 2026-11-29 14:20 UTC, from 2026-11-20 00:00 UTC on.

## Open

- since 2026-11-28 09:20 UTC: node2: the disk \\<b\\>sda\\</b\\> went away
  - Look at node2
- since 2026-11-29 03:00 UTC: DiskFull: /srv of bastion has less than a tenth left
  - Find what fills it

## 2026-11-29

- 13:00: node1 is ready again
- 12:00: node1 is not ready: 3 checks red
- 10:09: node1 is ready with debian-12 (image bbbbbbbbbbbb): 76 checks green
- 09:30: image bbbbbbbbbbbb (debian-12, golden) was built: 2 packages changed
  - linux-image-amd64 6.1.1-1 -\\> 6.1.2-1
  - + new 1

## 2026-11-28

- 09:20: node2 failed: the disk \\<b\\>sda\\</b\\> went away
  - Look at node2

## 2026-11-20

- 08:00: image aaaaaaaaaaaa (debian-12, golden) was built, the first of its packages
`);
});

test("where nobody knows of alerts, that is said", () => {
  const page = formatJournal(makeJournal({ ...input, nodes: [], images: [], events: [], alerts: undefined }));
  expect(page).toContain("## Open\n\nNothing that is known.\n\nWhich alerts fire is not known");
  expect(page).toContain("Nothing happened.");
});

test("of Prometheus's alerts, those that fire and are trouble count", () => {
  const alert = (state: string, severity: string) => ({
    ...{ state, activeAt: "2026-11-29T03:00:00Z", value: "1e+00" },
    labels: { alertname: "DiskFull", severity },
    annotations: { summary: "full", action: "look" },
  });
  const alerts = [
    alert("firing", "warning"),
    alert("pending", "critical"),
    alert("firing", "info"),
    alert("firing", "none"),
  ];
  expect(readAlerts({ status: "success", data: { alerts } })).toEqual([
    { name: "DiskFull", summary: "full", action: "look", since: "2026-11-29T03:00:00Z" },
  ]);
  expect(readAlerts("<html>")).toBeUndefined();
});
