/** From a stand-in ISO to a signed manifest in a real store; what goes wrong publishes nothing. */
import { generateKeyPairSync } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Ipv4Address, MacAddress } from "../../address.ts";
import { sha256 } from "../../digest.ts";
import { expandCommandLine } from "../../pxe/boot/command-line.ts";
import { Manifest } from "../../store/manifest.ts";
import { openStore, type Store } from "../../store/store.ts";
import { type BuildEvent, describeBuildEvent } from "../build-event.ts";
import type { Wanted } from "./identity.ts";
import { installerPlanKey, isInstallable } from "./installer-manifest.ts";
import { kernel, makeIso, makeKey, signedBy, signSums, type TestKey } from "./stand-in.test-data.ts";
import { type InstallerBench, storeFromFile } from "./store-installer.ts";
import { kernelVersion } from "./x86-kernel.ts";

const name = "ubuntu-22.04.5-live-server-amd64.iso";
const signingKeyPem = String(
  generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }),
);
let folder: string;
let key: TestKey;
let wanted: Wanted;
let iso: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "store-installer-"));
  key = await makeKey("Test CD key");
  wanted = { installer: signedBy("ubuntu-22.04", key), architecture: "amd64" };
  iso = await makeIso(folder, { version: "22.04.5" });
  await signSums(folder, [iso], key);
});
afterAll(async () => {
  await key.close();
  rmSync(folder, { recursive: true });
});

let store: Store;
let events: BuildEvent[];
let place: string;
let minutes = 0;

beforeEach(() => {
  place = mkdtempSync(join(folder, "place-"));
  store = openStore(join(place, "store"));
  events = [];
});
afterEach(() => rmSync(place, { recursive: true }));

function bench(signal = new AbortController().signal): InstallerBench {
  const scratch = mkdtempSync(join(place, "scratch-"));
  const now = () => {
    minutes += 1;
    return new Date(minutes * 60_000);
  };
  return {
    store,
    signingKeyPem,
    scratch,
    now,
    signal,
    onEvent: (event) => events.push(event),
    makeEnvironment,
  };
}

const makeEnvironment = async () => {
  const path = join(place, "environment");
  writeFileSync(path, "of packages");
  return store.addBlob({ name: "installer-environment.tar.gz", path });
};

const isoSha256 = () => sha256(readFileSync(iso));
const values: Parameters<typeof expandCommandLine>[1] = {
  seedUrl: "http://10.77.0.1:8080/seed/0123",
  artefactsUrl: "http://10.77.0.1:8081/artefacts",
  address: Ipv4Address.parse("10.77.0.11"),
  prefixLength: 24,
  mac: MacAddress.parse("52:54:00:77:00:11"),
  bastionAddress: Ipv4Address.parse("10.77.0.1"),
  hostname: "node1",
  domain: "lab.test",
  kernelArguments: ["iommu=pt"],
};
const isThere = async () => (await store.list()).images.length > 0;

describe("a right ISO", () => {
  test("is in the store with its kernel and initrd, whole and signed, and stays where it was", async () => {
    const image = await storeFromFile(wanted, { file: iso }, bench());
    expect(await store.verify(image.id)).toEqual([]);
    const { manifest } = await store.show(image.id);
    expect(Manifest.parse(manifest)).toEqual(manifest);
    expect(manifest).toMatchObject({ kind: "installer", os: "ubuntu-22.04", arch: "amd64", rootBytes: 0 });
    expect(manifest.artefacts.map((artefact) => artefact.name)).toEqual([
      name,
      "installer-vmlinuz",
      "installer-initrd.img",
      "installer-environment.tar.gz",
    ]);
    expect(manifest.artefacts[0]?.sha256).toBe(sha256(readFileSync(iso)));
    const stored = await store.readBlob(manifest.artefacts[1]?.sha256 ?? "");
    expect(kernelVersion(stored)).toBe("5.15.0-119-generic");
  });

  test("says what it does, step by step", async () => {
    await storeFromFile(wanted, { file: iso }, bench());
    const lines = events.map(describeBuildEvent).filter((line) => line !== undefined);
    expect(lines.map((line) => line.replace(/ {2,}/g, "  "))).toEqual([
      `ubuntu-22.04 installer: from ${iso}`,
      expect.stringMatching(/^ {2}1\/4 {2}look at it and its signature .* Ubuntu-Server 22\.04\.5, \d+ kB$/),
      "  2/4  compare its SHA-256  60 s  as signed",
      "  3/4  take kernel and initrd  60 s  Linux 5.15.0-119-generic",
      expect.stringMatching(/^ {2}4\/4 {2}publish {2}/),
      expect.stringMatching(/^ubuntu-22\.04 installer: published image [0-9a-f]{12} after /),
    ]);
    expect(events.some((event) => event.kind === "step-progress")).toBe(true);
  });

  test("its manifest has what a node boots by, and the ISO's address ends as casper wants it", async () => {
    const { manifest } = await storeFromFile(wanted, { file: iso }, bench());
    expect(manifest.boot.map(({ firmware }) => firmware)).toEqual(["bios-x86", "uefi-x64"]);
    const [entry] = manifest.boot;
    expect(entry).toMatchObject({
      kernel: "installer-vmlinuz",
      initrds: ["installer-initrd.img"],
      minRamMiB: 6144,
    });
    expect(expandCommandLine(entry?.commandLine ?? [], values).join(" ")).toBe(
      `url=http://10.77.0.1:8081/artefacts/${isoSha256()}/${name} ip=dhcp fsck.mode=skip autoinstall ` +
        "ds=nocloud;s=http://10.77.0.1:8080/seed/0123/ cloud-config-url=/dev/null BOOTIF=01-52-54-00-77-00-11 " +
        "imagectl.seed=http://10.77.0.1:8080/seed/0123 imagectl.artefacts=http://10.77.0.1:8081/artefacts " +
        "imagectl.address=10.77.0.11/24 imagectl.mac=52:54:00:77:00:11 --- iommu=pt",
    );
  });

  test("an ISO without what its session fetches can be booted by no node", async () => {
    const { manifest } = await storeFromFile(wanted, { file: iso }, bench());
    const isoAlone = manifest.artefacts.filter((each) => each.name !== "installer-environment.tar.gz");
    expect([isInstallable(manifest), isInstallable({ artefacts: isoAlone })]).toEqual([true, false]);
  });

  test("is not stored twice", async () => {
    const first = await storeFromFile(wanted, { file: iso }, bench());
    events = [];
    const second = await storeFromFile(wanted, { file: iso }, bench());
    expect(second).toEqual(first);
    expect(events.at(-1)).toMatchObject({ kind: "up-to-date", id: first.id });
  });

  test("that was damaged in the store is stored again", async () => {
    const first = await storeFromFile(wanted, { file: iso }, bench());
    writeFileSync(store.blobPath(first.manifest.artefacts[1]?.sha256 ?? ""), "broken");
    const second = await storeFromFile(wanted, { file: iso }, bench());
    expect(await store.verify(second.id)).toEqual([]);
  });

  test("of a manifest that would boot otherwise now gets another manifest, of the same blobs", async () => {
    const older: Wanted = { ...wanted, installer: { ...wanted.installer, minRamMiB: 4096 } };
    const first = await storeFromFile(older, { file: iso }, bench());
    const second = await storeFromFile(wanted, { file: iso }, bench());
    expect(second.id).not.toBe(first.id);
    expect(second.manifest.artefacts).toEqual(first.manifest.artefacts);
    expect((await store.findNewest(installerPlanKey(wanted)))?.id).toBe(second.id);
  });
});

describe("nothing is published, and nothing is left behind", () => {
  test("when the sum is another", async () => {
    const other = join(place, "other");
    mkdirSync(other);
    const bytes = readFileSync(iso);
    bytes[bytes.length - 1] = 1 ^ (bytes.at(-1) ?? 0);
    writeFileSync(join(other, name), bytes);
    const request = { file: join(other, name), sums: join(folder, "SHA256SUMS") };
    await expect(storeFromFile(wanted, request, bench())).rejects.toMatchObject({ code: "ISO_ALTERED" });
    expect(await isThere()).toBe(false);
    expect(existsSync(join(place, "store/images"))).toBe(false);
  });

  test("when its kernel is none", async () => {
    const odd = join(place, "odd");
    mkdirSync(odd);
    const file = await makeIso(odd, { version: "22.04.5", kernel: "no kernel" });
    await signSums(odd, [file], key);
    await expect(storeFromFile(wanted, { file }, bench())).rejects.toMatchObject({ code: "ISO_INCOMPLETE" });
    expect(await isThere()).toBe(false);
  });

  test("when it is interrupted", async () => {
    const interrupted = storeFromFile(wanted, { file: iso }, bench(AbortSignal.abort()));
    await expect(interrupted).rejects.toMatchObject({ code: "BUILD_INTERRUPTED" });
    expect(await isThere()).toBe(false);
  });
});

test.each([
  ["a kernel", kernel("6.8.0-40-generic (buildd@x) #40"), "6.8.0-40-generic"],
  ["one that is cut short", kernel("6.8.0").subarray(0, 0x300), undefined],
  ["something else", Buffer.from("no kernel"), undefined],
  ["nothing", Buffer.alloc(0), undefined],
])("the version that %s says", (_name, bytes, expected) => {
  expect(kernelVersion(bytes)).toBe(expected);
});
