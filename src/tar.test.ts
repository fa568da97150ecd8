/** Deterministic tar: same bytes again, GNU tar reads it, and what is no archive is refused by name. */
import { describe, expect, test } from "vitest";
import { sha256 } from "./digest.ts";
import { run } from "./run.ts";
import { packTar, type TarEntry, unpackTar } from "./tar.ts";

const hosts: TarEntry = { path: "root/etc/hosts", mode: 0o644, content: "127.0.0.1 localhost\n" };
const script: TarEntry = { path: "imagectl/apply", mode: 0o755, content: "#!/bin/sh\n" };
const long: TarEntry = { path: `root/${"d".repeat(120)}/${"f".repeat(120)}`, mode: 0o600, content: "x" };
const textOf = (entry: TarEntry): string => Buffer.from(entry.content as Uint8Array).toString();

describe("packing", () => {
  test("the order of the entries does not show in the bytes", async () => {
    const one = await packTar([hosts, script, long]);
    expect(sha256(await packTar([long, script, hosts]))).toBe(sha256(one));
  });

  test("the bytes are the same on another day: a known digest", async () => {
    expect(sha256(await packTar([hosts, script]))).toMatchInlineSnapshot(
      `"1be9b5241c7420e0a0568256c87a8e3d12f27e917d1ee471bb5e8ce026e8fa63"`,
    );
  });

  test("a mode and one byte of content both show in the bytes", async () => {
    const digests = await Promise.all(
      [hosts, { ...hosts, mode: 0o600 }, { ...hosts, content: "127.0.0.1 localhosT\n" }].map(async (entry) =>
        sha256(await packTar([entry])),
      ),
    );
    expect(new Set(digests).size).toBe(3);
  });

  test("GNU tar lists root's files of 1970, also those with long names", async () => {
    const listed = await run("tar", ["--utc", "--full-time", "-tvf", "-"], {
      input: await packTar([long, hosts, script]),
    });
    expect(listed.stdout).toBe(
      [
        "-rwxr-xr-x root/root        10 1970-01-01 00:00:00 imagectl/apply",
        `-rw------- root/root         1 1970-01-01 00:00:00 ${long.path}`,
        "-rw-r--r-- root/root        20 1970-01-01 00:00:00 root/etc/hosts",
        "",
      ].join("\n"),
    );
  });

  test("content of more than one block and an empty file come back whole", async () => {
    const entries = [
      { path: "a", mode: 0o644, content: "" },
      { path: "b", mode: 0o644, content: "é".repeat(70_000) },
    ];
    const back = await unpackTar(await packTar(entries));
    expect(back.map((entry) => [entry.path, entry.mode, textOf(entry)])).toEqual(
      entries.map((entry) => [entry.path, entry.mode, entry.content]),
    );
  });

  test.each(["/etc/hosts", "../etc/hosts", "root/./x", "root//x", "", "a\0b"])(
    "the path %j is refused",
    async (path) => {
      await expect(packTar([{ ...hosts, path }])).rejects.toMatchObject({ code: "TAR_INVALID" });
    },
  );

  test("one path twice is refused", async () => {
    await expect(packTar([hosts, script, hosts])).rejects.toThrow("root/etc/hosts is in it twice");
  });
});

describe("unpacking", () => {
  test("a truncated archive is refused", async () => {
    const whole = await packTar([hosts]);
    await expect(unpackTar(whole.subarray(0, 520))).rejects.toMatchObject({ code: "TAR_INVALID" });
  });

  test("a symbolic link is refused by name", async () => {
    const script = 'd=$(mktemp -d) && ln -s /etc "$d/link" && tar -C "$d" -cf - link; rm -r "$d"';
    const { stdout } = await run("sh", ["-c", `${script}`]);
    await expect(unpackTar(Buffer.from(stdout, "latin1"))).rejects.toThrow("link is a symlink");
  });

  test("bytes that are no archive are refused", async () => {
    await expect(unpackTar(new Uint8Array(512).fill(7))).rejects.toMatchObject({ code: "TAR_INVALID" });
  });
});
