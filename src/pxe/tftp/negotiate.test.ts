import { expect, test } from "vitest";
import { negotiate } from "./negotiate.ts";

const file = { bytes: 173_792, maxBlockBytes: 1024 };
const agree = (options: Record<string, string>) => {
  const { accepted, ...agreement } = negotiate(new Map(Object.entries(options)), file);
  return { ...agreement, accepted: Object.fromEntries(accepted) };
};

test("without options it is RFC 1350: 512 bytes, one block, no OACK", () => {
  expect(agree({})).toEqual({ blockBytes: 512, windowBlocks: 1, longestWaitMs: undefined, accepted: {} });
});

test.each<[string, Record<string, string>, Record<string, string>]>([
  ["the file's size is told", { tsize: "0" }, { tsize: "173792" }],
  ["a block size is kept", { blksize: "512" }, { blksize: "512" }],
  ["a block size beyond what the firmware takes is lowered", { blksize: "1468" }, { blksize: "1024" }],
  ["a window is kept", { windowsize: "16" }, { windowsize: "16" }],
  ["a window of more than 64 is lowered", { windowsize: "65535" }, { windowsize: "64" }],
  ["a timeout is echoed, as RFC 2349 demands", { timeout: "3" }, { timeout: "3" }],
  [
    "the answer keeps the question's order",
    { windowsize: "4", tsize: "0", blksize: "512" },
    { windowsize: "4", tsize: "173792", blksize: "512" },
  ],
  ["options that nobody knows are left out", { multicast: "", rollover: "1" }, {}],
  ["a block size below 8 is left out", { blksize: "7" }, {}],
  ["a block size above 65464 is left out", { blksize: "65465" }, {}],
  ["a window of nothing is left out", { windowsize: "0" }, {}],
  ["a timeout above 255 is left out", { timeout: "256" }, {}],
  ["what is no number is left out", { blksize: "1e3", windowsize: "-1", timeout: "0x5" }, {}],
])("%s", (_name, options, accepted) => {
  expect(Object.entries(agree(options).accepted)).toEqual(Object.entries(accepted));
});

test("what is accepted is what is done", () => {
  expect(agree({ blksize: "1400", windowsize: "100", timeout: "2" })).toMatchObject({
    blockBytes: 1024,
    windowBlocks: 64,
    longestWaitMs: 2_000,
  });
});
