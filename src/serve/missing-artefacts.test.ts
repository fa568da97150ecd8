import { expect, test } from "vitest";
import type { Attempt } from "../nodes/attempts.ts";
import type { EventBody } from "../nodes/event.ts";
import type { Manifest } from "../store/manifest.ts";
import { tellMissing } from "./missing-artefacts.ts";

const digest = "a".repeat(64);
const manifest = {
  os: "testos-1",
  artefacts: [{ name: "root.tar.zst", sha256: digest }],
} as unknown as Manifest;

function open() {
  const appended: [number, EventBody][] = [];
  const strangers: string[] = [];
  const attempt = { id: 7, address: "10.77.0.11", imageId: "i", state: {} } as unknown as Attempt;
  let live = [attempt];
  const tell = tellMissing({
    live: () => live,
    manifestOf: () => manifest,
    append: (id, body) => {
      appended.push([id, body]);
      const message =
        body.kind === "server-failed" ? `${body.request} failed on our side: ${body.message}` : "";
      live = [{ ...attempt, state: { ...attempt.state, cause: { message, hint: "" } } }];
    },
    onStranger: (client) => strangers.push(client),
  });
  return { tell, appended, strangers };
}

test("the attempt of the node that asks says what is gone and how to bring it back, once", () => {
  const { tell, appended } = open();
  tell(digest, "10.77.0.11");
  tell(digest, "10.77.0.11");
  const message = "root.tar.zst is gone from the store; build it again: imagectl build --os testos-1";
  expect(appended).toEqual([[7, { kind: "server-failed", request: "loading its image", message }]]);
});

test("a client that is no node on its way changes no attempt", () => {
  const { tell, appended, strangers } = open();
  tell(digest, "10.77.0.99");
  expect(appended).toEqual([]);
  expect(strangers).toEqual(["10.77.0.99"]);
});
