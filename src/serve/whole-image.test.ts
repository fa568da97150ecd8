import { expect, test } from "vitest";
import type { Finding } from "../errors.ts";
import type { Image } from "../store/manifest.ts";
import { checkBeforeBoot } from "./whole-image.ts";

const image = {
  id: "a".repeat(64),
  manifest: { boot: [{ kernel: "vmlinuz", initrds: ["initrd.img", "more.img"] }] },
} as unknown as Image;
const damage: Finding = {
  code: "IMAGE_DAMAGED",
  where: "image aaaaaaaaaaaa: initrd.img",
  message: "its blob has another SHA-256",
  hint: "imagectl build --os debian-12",
  severity: "error",
};

/** A verifier that finds what it is told to, and remembers what it was asked. */
function verifier(findings: Finding[]) {
  const asked: (readonly string[])[] = [];
  return {
    asked,
    verify: async (_id: string, names: readonly string[]) => {
      asked.push(names);
      return [...findings];
    },
  };
}

test("kernel and all initrds are read, and a whole image may boot", async () => {
  const { asked, verify } = verifier([]);
  await checkBeforeBoot(verify, () => new Date(0))(image);
  expect(asked).toEqual([["vmlinuz", "initrd.img", "more.img"]]);
});

test("a damaged image is refused with what is wrong with it", async () => {
  const error = await checkBeforeBoot(
    verifier([damage]).verify,
    () => new Date(0),
  )(image).catch((thrown) => thrown);
  expect(error).toMatchObject({ code: "IMAGE_DAMAGED", findings: [damage] });
});

test("a cluster that boots at once has it read once; ten seconds later, or with another clock, it is read again", async () => {
  const findings: Finding[] = [];
  const { asked, verify } = verifier(findings);
  let nowMs = 0;
  const check = checkBeforeBoot(verify, () => new Date(nowMs));
  await Promise.all([check(image), check(image), check(image)]);
  expect(asked).toHaveLength(1);
  findings.push(damage);
  nowMs = 9_999;
  await check(image);
  nowMs = 10_000;
  await expect(check(image)).rejects.toThrow("initrd.img: its blob has another SHA-256");
  findings.length = 0;
  nowMs = -94_608_000_000;
  await check(image);
});
