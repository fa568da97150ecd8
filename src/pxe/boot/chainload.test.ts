import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { chainloadNames, readChainloadFiles } from "./chainload.ts";

test("each firmware's file is read, with the block size that it takes", () => {
  const directory = mkdtempSync(join(tmpdir(), "ipxe-"));
  try {
    for (const name of Object.values(chainloadNames)) writeFileSync(join(directory, name), name);
    expect(
      readChainloadFiles(directory).map((file) => [
        file.name,
        Buffer.from(file.bytes).toString(),
        file.maxBlockBytes,
      ]),
    ).toEqual([
      ["undionly.kpxe", "undionly.kpxe", 1468],
      ["snponly.efi", "snponly.efi", 1024],
    ]);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("a missing package is named with the way to install it", () => {
  expect(() => readChainloadFiles("/nonexistent")).toThrow(
    expect.objectContaining({ code: "IPXE_MISSING", hint: "Install it: apt-get install ipxe" }),
  );
});
