import { describe, expect, test } from "vitest";
import type { Ipv4Address, MacAddress } from "../../address.ts";
import type { Firmware, Manifest } from "../../store/manifest.ts";
import {
  renderDeployScript,
  renderLocalDiskScript,
  renderRefusedScript,
  renderTryAgainScript,
} from "./script.ts";
import { readBootTemplates } from "./templates.ts";

const templates = readBootTemplates();
const digest = (letter: string) => letter.repeat(64);
const manifest: Manifest = {
  schema: 1,
  kind: "golden",
  os: "testos-1",
  arch: "amd64",
  planKey: digest("a"),
  key: digest("b"),
  createdAt: "2026-01-01T00:00:00Z",
  rootBytes: 0,
  artefacts: [
    { name: "vmlinuz", bytes: 1, sha256: digest("1") },
    { name: "initrd.img", bytes: 1, sha256: digest("2") },
    { name: "firmware.img", bytes: 1, sha256: digest("3") },
  ],
  boot: [
    {
      firmware: "uefi-x64",
      kernel: "vmlinuz",
      initrds: ["initrd.img", "firmware.img"],
      commandLine: ["imagectl.seed={seedUrl}", "{kernelArguments}"],
      minRamMiB: 1024,
    },
  ],
};
const request = {
  hostname: "node1",
  attemptId: 3,
  purpose: "deploy" as const,
  tooSmallUrl: "http://10.77.0.1:8080/boot/52-54-00-77-00-11/too-small",
  firmware: "uefi-x64" as Firmware,
  manifest,
  values: {
    seedUrl: "http://10.77.0.1:8080/seed/abc",
    artefactsUrl: "http://10.77.0.1:8081/artefacts",
    address: "10.77.0.11" as Ipv4Address,
    prefixLength: 24,
    mac: "52:54:00:77:00:11" as MacAddress,
    bastionAddress: "10.77.0.1" as Ipv4Address,
    hostname: "node1",
    domain: "lab.test",
    kernelArguments: ["console=ttyS0"],
  },
};
const again = {
  hostname: "node1",
  reason: "image aaaa: initrd.img: its blob is missing || reboot \u0024{x} [IMAGE_DAMAGED]",
  scriptUrl: "/boot/52-54-00-77-00-11/script.ipxe?firmware=uefi-x64",
};
const expected = (name: string) => `../../../templates/boot/cases/${name}.ipxe`;

describe("scripts are what the expected files say", () => {
  test("deploy", async () => {
    await expect(renderDeployScript(templates, request)).toMatchFileSnapshot(expected("deploy"));
  });
  test("rescue", async () => {
    const script = renderDeployScript(templates, { ...request, purpose: "rescue" });
    await expect(script).toMatchFileSnapshot(expected("rescue"));
  });
  test.each(["bios-x86", "uefi-x64"] as const)("local disk of %s", async (firmware) => {
    const script = renderLocalDiskScript(templates, "node1", firmware);
    await expect(script).toMatchFileSnapshot(expected(`local-disk-${firmware}`));
  });
  test("refused", async () => {
    const script = renderRefusedScript(templates, "node1", "unsupported-firmware");
    await expect(script).toMatchFileSnapshot(expected("refused"));
  });
  test("try again", async () => {
    await expect(renderTryAgainScript(templates, again)).toMatchFileSnapshot(expected("try-again"));
  });
});

test("every script begins as iPXE expects it, and no line is left with a brace of ours", () => {
  for (const script of [
    renderDeployScript(templates, request),
    renderLocalDiskScript(templates, "node1", "bios-x86"),
    renderRefusedScript(templates, "node1", "unsupported-firmware"),
    renderTryAgainScript(templates, again),
  ]) {
    expect(script.startsWith("#!ipxe\n")).toBe(true);
    expect(script).not.toMatch(/\{\{|\}\}/);
  }
});

test("each jump of the deploy script has its label", () => {
  const script = renderDeployScript(templates, request);
  const jumps = [...script.matchAll(/goto (\S+)/g)].map((match) => match[1]);
  const labels = [...script.matchAll(/^:(\S+)$/gm)].map((match) => match[1]);
  expect(jumps.length).toBeGreaterThan(3);
  expect(jumps.filter((jump) => !labels.includes(jump))).toEqual([]);
});

test("every size of memory below the minimum is asked for, and none from it on", () => {
  const sizes = [...renderDeployScript(templates, request).matchAll(/^set memory (\d+)$/gm)].map((match) =>
    Number(match[1]),
  );
  expect(sizes[0]).toBe(64);
  expect(sizes.at(-1)).toBe(960);
  expect(sizes).toHaveLength(15);
});

test("a UEFI kernel is told the names of all its initrds, in order", () => {
  const line = renderDeployScript(templates, request)
    .split("\n")
    .find((text) => text.startsWith("kernel "));
  expect(line).toBe(
    `kernel http://10.77.0.1:8081/artefacts/${digest("1")} initrd=initrd.img initrd=firmware.img imagectl.seed=http://10.77.0.1:8080/seed/abc console=ttyS0 || goto retry`,
  );
});

test("firmware that the image cannot boot is an error with the image's name", () => {
  expect(() => renderDeployScript(templates, { ...request, firmware: "bios-x86" })).toThrow(
    expect.objectContaining({
      code: "BOOT_ENTRY_MISSING",
      hint: "Build it again: imagectl build --os testos-1",
    }),
  );
});

test("a manifest that boots what it does not list is an error", () => {
  const artefacts = manifest.artefacts.filter((artefact) => artefact.name !== "initrd.img");
  expect(() => renderDeployScript(templates, { ...request, manifest: { ...manifest, artefacts } })).toThrow(
    "boots initrd.img, which is not among its artefacts",
  );
});
