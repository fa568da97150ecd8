/** The bastion's clock jumps by three years while the server runs: attempts end with a cause, and none is lost. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { EventBody, NodeEvent } from "../../src/nodes/event.ts";
import { type FakeSession, fakeSession, inventory, scriptUrl, seedUrlOf } from "../support/fake-node.ts";
import { lab } from "../support/lab-cluster.ts";
import { openServedLab, type ServedLab } from "../support/served-lab.ts";
import { tellAsOneStory } from "../support/story.ts";

tellAsOneStory();
const node = lab.node.name;
let served: ServedLab;
let clockFile: string;

/** faketime(1) moves the clock that every process of the bastion reads, at once. @param offset `+1096d`, `+0`. */
const moveClock = (offset: string): void => writeFileSync(clockFile, `${offset}\n`);

beforeAll(async () => {
  served = await openServedLab(24, (scratch) => {
    clockFile = join(scratch.folder("clock"), "offset");
    moveClock("+0");
    return {
      LD_PRELOAD: "/usr/$LIB/faketime/libfaketimeMT.so.1",
      FAKETIME_TIMESTAMP_FILE: clockFile,
      FAKETIME_NO_CACHE: "1",
      // As on a real machine: what is set is the clock on the wall.
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
    };
  });
  await served.bastion.start();
});
afterAll(() => served?.close());

async function lastEvent(): Promise<EventBody | undefined> {
  const { stdout } = await served.bastion.imagectl(["events", node, "--json"]);
  return (JSON.parse(stdout) as NodeEvent[]).at(-1)?.body;
}

async function armAndBoot(): Promise<FakeSession> {
  await served.bastion.imagectl(["arm", node]);
  const session = fakeSession(served.node, seedUrlOf((await served.node.http("GET", scriptUrl)).body));
  expect((await session.ask("POST", "redeem")).status).toBe(200);
  expect((await session.ask("POST", "inventory", inventory)).status).toBe(200);
  return session;
}

const failedFor = (pattern: RegExp) => ({
  kind: "attempt-failed",
  cause: { message: expect.stringMatching(pattern), hint: expect.stringMatching(/imagectl arm/) },
});

test("three years ahead: the attempt ends, the cause doubts the clock, and nothing is written any more", async () => {
  const session = await armAndBoot();
  moveClock("+1096d");
  await expect
    .poll(lastEvent, { timeout: 15_000 })
    .toMatchObject(failedFor(/days ago by the bastion's clock: is 20/));
  expect((await session.ask("GET", "overlay.tar")).status).toBe(410);
  expect((await served.node.http("GET", scriptUrl)).body).not.toContain("imagectl.seed");
});

test("back again: what was armed by the wrong clock is not open for three years", async () => {
  const session = await armAndBoot();
  moveClock("+0");
  await expect
    .poll(lastEvent, { timeout: 15_000 })
    .toMatchObject(failedFor(/clock was set back by 9[0-9]+ s/));
  expect((await session.ask("GET", "overlay.tar")).status).toBe(410);
});

test("three years behind: arming is refused with both dates, and works when the clock is right", async () => {
  moveClock("-1096d");
  const refused = await served.bastion.imagectl(["arm", node], { okExitCodes: [2] });
  expect(refused.stderr).toMatch(
    /the bastion's clock says 20\d\d-.*, but the node's image was built on 20\d\d-/,
  );
  expect(refused.stderr).toContain("timedatectl");
  moveClock("+0");
  const session = await armAndBoot();
  expect((await session.ask("GET", "clock")).status).toBe(200);
});
