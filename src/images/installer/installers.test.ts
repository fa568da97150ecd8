/** What is known of installers, and the readers of what vendors publish. */
import { describe, expect, test } from "vitest";
import { findArgumentProblems } from "../../pxe/boot/command-line.ts";
import { run } from "../../run.ts";
import { installerCommandLine } from "./command-line.ts";
import { parseDiskInfo } from "./disk-info.ts";
import {
  findInstaller,
  type Installer,
  installers,
  isOfRelease,
  isoFileName,
  neededRamMiB,
} from "./installers.ts";
import { parseVolume, sniff } from "./iso9660.ts";
import { judgeSignature, newestVersion, parseSums } from "./sums.ts";

const of = (os: string) => findInstaller(os) as Installer;

describe("the catalogue", () => {
  test("each system is once in it, and another has no installer", () => {
    expect(installers.map(({ os }) => os)).toEqual(["ubuntu-22.04", "ubuntu-24.04", "ubuntu-26.04"]);
    expect(findInstaller("beos-5")).toBeUndefined();
  });

  test.each(installers)("$os comes by HTTPS, and its point releases are of its release", (installer) => {
    expect(installer.places.current).toMatch(/^https:\/\/.*\/$/);
    expect(installer.places.old).toMatch(/^https:\/\/.*\/$/);
    for (const version of installer.pointReleases) {
      expect(isOfRelease(installer, version)).toBe(true);
    }
  });

  test.each(installers)("the keyring for $os holds the pinned key and no other", async ({ signingKey }) => {
    const words = ["--with-colons", "--show-keys", signingKey.keyring];
    const { stdout } = await run("gpg", ["--batch", ...words]);
    const fingerprints = [...stdout.matchAll(/^fpr:+([0-9A-F]{40}):/gm)].map(([, found]) => found);
    expect(fingerprints).toEqual([signingKey.fingerprint]);
    expect(stdout).toContain(signingKey.owner);
  });

  test("memory is for an ISO twice in it, also for one that grew", () => {
    expect(neededRamMiB(of("ubuntu-22.04"), 2_136_926_208)).toBe(6144);
    expect(neededRamMiB(of("ubuntu-24.04"), 5_000_000_000)).toBe(10_014);
  });
});

describe("the kernel command line", () => {
  const places = {
    isoUrl: "http://10.77.0.1:8081/files/ubuntu-22.04.5-live-server-amd64.iso",
    seedUrl: "http://10.77.0.1:8080/seed/0123abcd/",
    sessionArguments: ["imagectl.mac=52:54:00:77:00:11"],
    targetArguments: ["console=ttyS0,115200n8", "iommu=pt"],
  };

  test("22.04 reads url=, the later ones iso-url=, and none has both", () => {
    const first = (os: string) => installerCommandLine(of(os), places)[0];
    expect(first("ubuntu-22.04")).toBe(`url=${places.isoUrl}`);
    expect(first("ubuntu-24.04")).toBe(`iso-url=${places.isoUrl}`);
    expect(first("ubuntu-26.04")).toBe(`iso-url=${places.isoUrl}`);
  });

  test("all of it, in order", () => {
    expect(installerCommandLine(of("ubuntu-24.04"), places).join(" ")).toBe(
      "iso-url=http://10.77.0.1:8081/files/ubuntu-22.04.5-live-server-amd64.iso ip=dhcp fsck.mode=skip autoinstall " +
        "ds=nocloud;s=http://10.77.0.1:8080/seed/0123abcd/ cloud-config-url=/dev/null " +
        "imagectl.mac=52:54:00:77:00:11 --- console=ttyS0,115200n8 iommu=pt",
    );
  });

  test("what has the token in it stands before ---, so that it does not come to the installed system", () => {
    const words = installerCommandLine(of("ubuntu-22.04"), places);
    const after = words.slice(words.indexOf("---") + 1);
    expect(after).toEqual(places.targetArguments);
    expect(words.filter((word) => word === "---")).toHaveLength(1);
  });

  test.each(installers)("iPXE takes each word of $os as it is, with its semicolon", (installer) => {
    expect(findArgumentProblems(installerCommandLine(installer, places), "line")).toEqual([]);
  });

  test.each([
    ["an ISO that does not end in .iso", { isoUrl: "http://10.77.0.1/sha256/9bc6" }, "must end in .iso"],
    ["a query behind .iso", { isoUrl: "http://10.77.0.1/a.iso?token=1" }, "must end in .iso"],
    ["white space", { isoUrl: "http://10.77.0.1/a b.iso" }, "must end in .iso"],
    ["a seed that is no folder", { seedUrl: "http://10.77.0.1/seed/0123" }, "must end in /"],
  ])("%s is refused", (_name, change, message) => {
    expect(() => installerCommandLine(of("ubuntu-22.04"), { ...places, ...change })).toThrow(
      expect.objectContaining({
        code: "KERNEL_ARGUMENT_INVALID",
        message: expect.stringContaining(message),
      }),
    );
  });
});

test.each([
  [
    'Ubuntu-Server 22.04.5 LTS "Jammy Jellyfish" - Release amd64 (20240911)\n',
    ["Ubuntu-Server", "22.04.5", "amd64"],
  ],
  ['Ubuntu-Server 24.04 LTS "Noble Numbat" - Release arm64 (20240423)', ["Ubuntu-Server", "24.04", "arm64"]],
  ['Ubuntu 24.04.3 LTS "Noble Numbat" - Release amd64 (20250805.1)', ["Ubuntu", "24.04.3", "amd64"]],
  [
    'Debian GNU/Linux 12.5.0 "Bookworm" - Official amd64 NETINST with firmware 20240210-11:27',
    ["Debian GNU/Linux", "12.5.0", "amd64"],
  ],
  ["", undefined],
  ["a custom image", undefined],
  ["Ubuntu-Server 22.04.5 LTS for toasters", undefined],
])(".disk/info %j", (text, expected) => {
  const info = parseDiskInfo(text);
  expect(info && [info.edition, info.version, info.architecture]).toEqual(expected);
});

describe("an ISO's header", () => {
  const sector = Buffer.alloc(2048);
  sector.write("\x01CD001\x01", 0, "latin1");
  sector.write("Ubuntu-Server 22.04.5 LTS amd64 ", 40, "latin1");
  sector.writeUInt32LE(1_043_421, 80);
  sector.writeUInt16LE(2048, 128);

  test("has its name and its size", () => {
    expect(parseVolume(sector)).toEqual({ id: "Ubuntu-Server 22.04.5 LTS amd64", bytes: 2_136_926_208 });
  });

  test.each([
    ["a sector that is cut short", sector.subarray(0, 2047)],
    ["zeros", Buffer.alloc(2048)],
    ["a boot record", Buffer.concat([Buffer.from([0]), sector.subarray(1)])],
    ["nothing", Buffer.alloc(0)],
  ])("%s is none", (_name, bytes) => {
    expect(parseVolume(bytes)).toBeUndefined();
  });

  test("any 2048 bytes are read without a throw", () => {
    for (let seed = 0; seed < 200; seed += 1) {
      const bytes = Buffer.from(Array.from({ length: 2048 }, (_unused, at) => (at * 31 + seed * 17) % 256));
      expect(() => parseVolume(Buffer.concat([sector.subarray(0, 7), bytes.subarray(7)]))).not.toThrow();
    }
  });

  test.each([
    ["<!DOCTYPE html><html>", "a web page"],
    ["\x1f\x8b\x08", "gzip"],
    ["", "empty"],
    ["\x33\xed\x90", undefined],
  ])("what else a file is: %j", (head, expected) => {
    expect(sniff(Buffer.from(head, "latin1"))).toBe(expected);
  });
});

describe("SHA256SUMS", () => {
  const [a, b] = ["a".repeat(64), "b".repeat(64)];
  const sums = parseSums(
    [
      `${a} *ubuntu-24.04.3-desktop-amd64.iso`,
      `${b} *ubuntu-24.04.3-live-server-amd64.iso`,
      `${a}  ubuntu-24.04.10-live-server-amd64.iso`,
      `${a} *ubuntu-24.04.11-live-server-arm64.iso`,
      "not a line",
      "",
    ].join("\n"),
  );

  test("names their digests", () => {
    expect(sums.get(isoFileName("24.04.3", "amd64"))).toBe(b);
    expect(sums.size).toBe(4);
  });

  test("the newest point release is the highest number of this architecture", () => {
    expect(newestVersion(sums, "24.04", "amd64")).toBe("24.04.10");
    expect(newestVersion(sums, "24.04", "arm64")).toBe("24.04.11");
    expect(newestVersion(sums, "22.04", "amd64")).toBeUndefined();
    expect(newestVersion(parseSums(`${a} *ubuntu-26.04-live-server-amd64.iso`), "26.04", "amd64")).toBe(
      "26.04",
    );
  });
});

/** As gpgv 2.2.40 printed them, with shorter user ids. */
describe("what gpgv says", () => {
  const key = "843938DF228D22F7B3742BC0D94AA3F0EFE21092";
  const other = "1234567890123456789012345678901234567890";
  const valid = (primary: string) =>
    `[GNUPG:] VALIDSIG ${primary} 2024-09-12 1726159444 0 4 0 1 10 00 ${primary}`;
  const good = (primary: string) =>
    `[GNUPG:] NEWSIG\n[GNUPG:] GOODSIG D94AA3F0EFE21092 CD\n${valid(primary)}\n`;
  const unknown =
    "[GNUPG:] NEWSIG\n[GNUPG:] ERRSIG 46181433FBB75451 17 10 00 1726159444 9 -\n[GNUPG:] NO_PUBKEY 46181433FBB75451\n";
  test.each([
    ["the pinned key", good(key), { kind: "good" }],
    ["the pinned key beside one that nobody has", unknown + good(key), { kind: "good" }],
    ["only one that nobody has", unknown, { kind: "other-key", key: "46181433FBB75451" }],
    ["another key of the keyring", good(other), { kind: "other-key", key: other }],
    ["other bytes", "[GNUPG:] NEWSIG\n[GNUPG:] BADSIG D94AA3F0EFE21092 CD\n", { kind: "altered" }],
    [
      "the pinned key, revoked",
      `[GNUPG:] NEWSIG\n[GNUPG:] REVKEYSIG D94A CD\n${valid(key)}\n`,
      { kind: "expired" },
    ],
    ["no signature", "[GNUPG:] NODATA 4\n", { kind: "none" }],
    ["nothing", "", { kind: "none" }],
  ])("%s", (_name, status, expected) => {
    expect(judgeSignature(status, key)).toEqual(expected);
  });
});
