/** What is believed of an ISO and what is found in one; an initrd is read whatever it holds. */
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { run } from "../../run.ts";
import type { StepProgress } from "../step-progress.ts";
import { type Fact, judgeFindings } from "./facts.ts";
import { readInitrd } from "./initrd.ts";
import { installers } from "./installers.ts";
import { type LookedAt, lookAtIso } from "./look-at-iso.ts";
import { cpio, makeIso, makeKey, signedBy, signSums, type TestKey } from "./stand-in.test-data.ts";

let folder: string;
let key: TestKey;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "facts-"));
  key = await makeKey("Test CD key");
});
afterAll(async () => {
  await key.close();
  rmSync(folder, { recursive: true });
});

const progress: StepProgress = async (_step, act) => (await act(() => {})).value;

function look(file: string): Promise<LookedAt> {
  const known = installers.map(({ os }) => signedBy(os, key));
  return lookAtIso({ file }, { installers: known, progress, signal: new AbortController().signal });
}

const judge = async (file: string) => {
  const { installer, findings } = await look(file);
  return judgeFindings(installer, findings);
};
const notHolding = (facts: readonly Fact[]) =>
  facts
    .filter(({ verdict }) => verdict !== "holds")
    .map(({ verdict, claim, found }) => `${verdict}: ${claim}: ${found}`);

describe("a stand-in of 22.04.5", () => {
  let facts: Fact[];

  beforeAll(async () => {
    const iso = await makeIso(folder, { version: "22.04.5" });
    await signSums(folder, [iso], key);
    facts = await judge(iso);
  });

  test("has all that is believed of it", () => {
    expect(notHolding(facts)).toEqual([]);
    expect(facts.map(({ claim, found }) => `${claim}: ${found}`)).toEqual(
      expect.arrayContaining([
        "casper/vmlinuz is a kernel for x86: Linux 5.15.0-119-generic",
        "it has a second, newer kernel (HWE): Linux 6.8.0-40-generic",
        "casper/install-sources.yaml is read: ubuntu-server-minimal, ubuntu-server",
        "casper is told by url= where its ISO is: case $x in url=*.iso) ;; esac",
        "casper is in the initrd: zstd compression",
        "the installer's version can be seen: snap:subiquity stable 5740",
      ]),
    );
  });
});

describe("what is otherwise is found", () => {
  test("another release's casper, another architecture, other layers, no signature", async () => {
    const place = mkdtempSync(join(folder, "odd-"));
    const iso = await makeIso(place, {
      version: "24.04.9",
      architecture: "arm64",
      without: [
        "casper/ubuntu-server-minimal.ubuntu-server.squashfs",
        "casper/hwe-vmlinuz",
        ".disk/casper-uuid-generic",
        "casper/ubuntu-server-minimal.ubuntu-server.installer.squashfs.manifest",
      ],
    });
    expect(notHolding(await judge(iso))).toEqual([
      "differs: it is for amd64: arm64",
      expect.stringMatching(/^unknown: its sum is signed by the pinned key: .*SHA256SUMS is missing$/),
      "unknown: it is a point release that imagectl knows: 24.04.9, not one of 24.04.3, 24.04.4",
      "differs: it has .disk/casper-uuid-generic: ",
      "differs: it has casper/ubuntu-server-minimal.ubuntu-server.squashfs: ",
      "unknown: it has a second, newer kernel (HWE): none under casper/hwe-vmlinuz",
      "differs: each source's layer is there: casper/ubuntu-server-minimal.ubuntu-server.squashfs",
      "differs: its number is the ISO's: 0ae1f3c6-4ea4-4f0d-8f3b-8d9e0b1c2d3e, none",
      "differs: casper is told by iso-url= where its ISO is: case $x in url=*.iso) ;; esac",
      "unknown: the installer's version can be seen: no manifest of a layer names the snap subiquity",
    ]);
  });

  test("a desktop, and an ISO with neither sources nor an initrd", async () => {
    const place = mkdtempSync(join(folder, "desktop-"));
    const without = ["casper/initrd", "casper/install-sources.yaml"];
    const facts = await judge(await makeIso(place, { version: "22.04.5", edition: "Ubuntu", without }));
    expect(notHolding(facts)).toEqual(
      expect.arrayContaining([
        "differs: it is the live server's (Ubuntu-Server): Ubuntu",
        "differs: it has casper/initrd: ",
        "unknown: casper/install-sources.yaml is read: it is missing",
        "unknown: casper is in the initrd: none compression; no scripts/casper in it",
      ]),
    );
  });

  test("sources of version 2, as those of 26.04 may be, are read as well", async () => {
    const { installer, findings } = await look(
      await makeIso(mkdtempSync(join(folder, "v2-")), { version: "26.04" }),
    );
    const text = `version: 2\nkernel: {default: linux-generic}\nsources:\n${findings.texts.get("casper/install-sources.yaml")}`;
    const texts = new Map([...findings.texts, ["casper/install-sources.yaml", text]]);
    const facts = judgeFindings(installer, { ...findings, texts });
    expect(facts).toContainEqual({
      claim: "casper/install-sources.yaml is read",
      verdict: "holds",
      found: "ubuntu-server-minimal, ubuntu-server",
    });
  });

  test("a release that nobody knows is refused", async () => {
    const iso = await makeIso(mkdtempSync(join(folder, "new-")), { version: "25.10" });
    await expect(look(iso)).rejects.toMatchObject({
      code: "ISO_UNKNOWN",
      message: expect.stringContaining("is Ubuntu-Server 25.10, of which imagectl knows nothing"),
    });
  });
});

describe("an initrd", () => {
  const early = cpio({ "kernel/x86/microcode/GenuineIntel.bin": "microcode" });
  const main = cpio({
    "conf/uuid.conf": "a number\n",
    "bin/sh": "x".repeat(5_001),
    "./scripts/casper": "script",
  });
  const wanted = ["conf/uuid.conf", "scripts/casper"];
  const read = (bytes: Uint8Array) => {
    const { compression, files } = readInitrd(bytes, wanted);
    return { compression, files: Object.fromEntries([...files].map(([path, text]) => [path, String(text)])) };
  };
  const files = { "conf/uuid.conf": "a number\n", "scripts/casper": "script" };

  test.each([
    ["of one archive", main, { compression: "none", files }],
    ["of two", Buffer.concat([early, Buffer.alloc(512), main]), { compression: "none", files }],
    ["zstd behind microcode", Buffer.concat([early, zstdCompressSync(main)]), { compression: "zstd", files }],
    ["gzip alone", gzipSync(main), { compression: "gzip", files }],
    [
      "lz4",
      Buffer.concat([early, Buffer.from("\x02\x21\x4c\x18....", "latin1")]),
      { compression: "lz4", files: {} },
    ],
    ["of no known kind", Buffer.concat([early, Buffer.from("hello")]), { compression: undefined, files: {} }],
    [
      "whose compressed part is cut short",
      Buffer.concat([early, zstdCompressSync(main).subarray(0, 30)]),
      { compression: "zstd, damaged", files: {} },
    ],
    [
      "that is cut short in a file",
      main.subarray(0, 180),
      { compression: "none", files: { "conf/uuid.conf": "a number\n" } },
    ],
    ["of nothing", Buffer.alloc(0), { compression: "none", files: {} }],
  ])("%s", (_name, bytes, expected) => {
    expect(read(bytes)).toEqual(expected);
  });

  test("of any bytes ends", () => {
    for (let round = 0; round < 300; round += 1) {
      const bytes = Buffer.concat([main.subarray(0, round), randomBytes(300)]);
      expect(() => read(bytes)).not.toThrow();
    }
  });

  test("as busybox writes it", async () => {
    const tree = mkdtempSync(join(folder, "tree-"));
    mkdirSync(join(tree, "conf"));
    writeFileSync(join(tree, "conf/uuid.conf"), "a number\n");
    const archive = join(folder, "busybox.cpio");
    await run("sh", ["-c", 'find . | busybox cpio -o -H newc >"$1" 2>/dev/null', "sh", archive], {
      cwd: tree,
    });
    expect(read(readFileSync(archive)).files).toEqual({ "conf/uuid.conf": "a number\n" });
  });
});
