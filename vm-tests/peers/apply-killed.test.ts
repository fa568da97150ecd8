/** The apply script when it is killed, and when packages are missing. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sha256 } from "../../src/digest.ts";
import { openScratch } from "../../src/lab/scratch.ts";
import type { NamedLayer } from "../../src/plan/overlay.ts";
import type { PlannedFile } from "../../src/plan/plan.ts";
import { run } from "../../src/run.ts";
import {
  type ApplyRoot,
  file,
  layerOf,
  makeMinimalRoot,
  nothing,
  openApplyRoot,
} from "../support/apply-root.ts";
import { cache } from "../support/image.ts";

const scratch = openScratch({ cache, pid: process.pid });
let lower: string;
let count = 0;

const freshRoot = (): Promise<ApplyRoot> => {
  count += 1;
  return openApplyRoot(lower, scratch.folder(`root-${count}`));
};

beforeAll(async () => {
  lower = await makeMinimalRoot(cache, ["passwd"]);
});
afterAll(() => scratch.close());

describe("an apply that is killed", () => {
  /** Enough files that a kill meets each phase, and something that is made of one of them. */
  const layer = (text: string, more: readonly PlannedFile[] = []): NamedLayer =>
    layerOf([...Array.from({ length: 40 }, (_, index) => file(`/etc/sample/${index}`, text)), ...more], {
      commands: [
        {
          name: "derive",
          run: "sleep 0.05; cp /etc/sample/7 /var/lib/derived; sleep 0.05",
          onChange: ["/etc/sample/7"],
          role: "sample",
        },
      ],
    });
  const before = layer("old\n", [file("/etc/sample/leaves", "x\n")]);
  const after = layer("new\n", [file("/etc/sample/comes", "y\n")]);
  const treeOf = async (layers: readonly NamedLayer[]): Promise<string> => {
    const root = await freshRoot();
    for (const each of layers) await root.apply(each);
    return root.tree();
  };
  /** When it is killed, as a part of the time that it takes when it is not: most of the file switching is in the middle. */
  const moments = [0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 2];

  test("is finished by the next one, and undone by the one before, wherever it was killed", async () => {
    const [wantedBefore, wantedAfter] = [await treeOf([before]), await treeOf([before, after])];
    const timed = await freshRoot();
    await timed.apply(before);
    const startedMs = performance.now();
    await timed.apply(after);
    const wholeMs = performance.now() - startedMs;
    let undone = 0;
    for (const moment of moments) {
      for (const [next, wanted] of [
        [after, wantedAfter],
        [before, wantedBefore],
      ] as const) {
        const root = await freshRoot();
        await root.apply(before);
        await root.apply(after, { killAfterMs: moment * wholeMs });
        const said = await root.apply(next);
        const story = `killed after ${Math.round(moment * wholeMs)} of ${Math.round(wholeMs)} ms: ${said.stdout}${said.stderr}`;
        expect(said, story).toMatchObject({ exitCode: 0 });
        expect(await root.tree(), story).toBe(wanted);
        if (said.stdout.includes("did not end")) undone += 1;
      }
    }
    // A machine on which the moments never meet an apply in its midst would prove nothing.
    expect(undone).toBeGreaterThan(2);
  });

  test("leaves nothing behind when it was killed after its last rename", async () => {
    const root = await freshRoot();
    await root.apply(before);
    const wanted = await root.tree();
    await root.run(
      "mkdir /var/lib/imagectl/undo-node.done; echo /etc/sample/7 >/var/lib/imagectl/undo-node.done/paths",
    );
    expect(await root.apply(before)).toMatchObject(nothing);
    expect(await root.tree()).toBe(wanted);
  });
});

describe("packages", () => {
  test("a missing package is installed, and its service is held back in a chroot", async () => {
    const root = await freshRoot();
    const folder = scratch.folder("deb");
    await run("sh", [
      "-euc",
      `mkdir -p "$0/sample/DEBIAN"; cd "$0"
       printf 'Package: sample\\nVersion: 1\\nArchitecture: all\\nMaintainer: nobody\\nDescription: for a test\\n' >sample/DEBIAN/control
       printf '#!/bin/sh\\n/usr/sbin/policy-rc.d; echo "policy $?" >/var/log/sample\\n' >sample/DEBIAN/postinst
       chmod 755 sample/DEBIAN/postinst
       dpkg-deb --root-owner-group -b sample sample.deb`,
      folder,
    ]);
    const deb = readFileSync(join(folder, "sample.deb"));
    await root.run(`
      rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/* /var/lib/apt/lists/*
      mkdir -p /srv/debs; cd /srv/debs
      echo 'deb [trusted=yes] file:/srv/debs ./' >/etc/apt/sources.list
      printf '%s' '${deb.toString("base64")}' | base64 -d >sample.deb
      { dpkg-deb -f sample.deb; echo 'Filename: ./sample.deb'; echo 'Size: ${deb.length}'; echo 'SHA256: ${sha256(deb)}'; } >Packages
    `);
    const layer = layerOf([], { name: "image", packages: ["sample", "bash"] });
    expect(await root.apply(layer, { words: ["--dry-run"] })).toMatchObject({
      exitCode: 3,
      stdout: "package sample\n",
    });
    const said = await root.apply(layer);
    expect(said, said.stdout).toMatchObject({
      exitCode: 0,
      stdout: "package sample\nthe image layer is applied\n",
    });
    expect((await root.run("cat /var/log/sample; ls /usr/sbin/policy-rc.d")).stdout).toBe("policy 101\n");
    expect(await root.apply(layer)).toMatchObject(nothing);
  });

  test("a package that does not exist stops everything before any file changes", async () => {
    const root = await freshRoot();
    await root.run("rm -rf /etc/apt/sources.list /etc/apt/sources.list.d");
    const layer = layerOf([file("/etc/one", "1\n")], { packages: ["no-such-package-at-all"] });
    const said = await root.apply(layer);
    expect(said.exitCode).toBe(1);
    expect(said.stdout).toContain("no-such-package-at-all");
    expect((await root.run("ls /etc/one")).exitCode).not.toBe(0);
  });
});
