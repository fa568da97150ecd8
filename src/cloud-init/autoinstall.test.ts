/** What Ubuntu's installer is told, read again and held against our own linter; schemas.test.ts of the linter has others'. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { packageRoot } from "../paths.ts";
import { autoinstallRequest } from "./autoinstall.test-data.ts";
import { type AutoinstallRequest, makeAutoinstall, makeUserData } from "./autoinstall.ts";
import { lintDocument } from "./lint/lint.ts";
import { parseMachine } from "./lint/machine.ts";
import { releases } from "./lint/subject.ts";

const earlyCommand = readFileSync(join(packageRoot, "templates/installers/ubuntu/early-command.sh"), "utf8");
const request = { ...autoinstallRequest, earlyCommand };
const machine = parseMachine(
  readFileSync(join(packageRoot, "src/cloud-init/lint/cases/machine.probe.json"), "utf8"),
  "probe.json",
);

test("both documents are as they were looked at", async () => {
  await expect(makeUserData(request)).toMatchFileSnapshot("cases/node1.user-data");
  await expect(makeAutoinstall(request)).toMatchFileSnapshot("cases/node1.autoinstall.yaml");
});

describe.each(releases)("Ubuntu %s", (release) => {
  test.each(["uefi", "bios"] as const)(
    "our linter has nothing to say of the document for %s",
    async (startsBy) => {
      const text = makeAutoinstall({ ...request, startsBy });
      const findings = await lintDocument(text, "autoinstall.yaml", { release, firmware: startsBy });
      expect(findings.filter(({ severity }) => severity === "error")).toEqual([]);
      // Who can log in comes with the node layer, and no linter can see that.
      expect(findings.map(({ code }) => code)).toEqual(["LOGIN_IMPOSSIBLE"]);
    },
  );

  test("what it is given before the machine is known stops it, should nothing take its place", async () => {
    const findings = await lintDocument(makeUserData(request), "user-data", { release, machine });
    expect(findings.filter(({ severity }) => severity === "error").map(({ code }) => code)).toContain(
      "DISK_NONE",
    );
  });
});

test("without a proxy none is named", () => {
  expect(parse(makeAutoinstall({ ...request, proxy: undefined }))).not.toHaveProperty("proxy");
});

test("GRUB is written for the firmware that the machine has", () => {
  const devices = (startsBy: AutoinstallRequest["startsBy"]): string[] =>
    parse(makeAutoinstall({ ...request, startsBy }))
      .storage.config.filter((action: { grub_device?: boolean }) => action.grub_device === true)
      .map((action: { id: string }) => action.id);
  expect(devices("uefi")).toEqual(["esp"]);
  expect(devices("bios")).toEqual(["system"]);
});

test("a MAC address that YAML 1.1 would read as a number stays one", () => {
  const mac = "52:54:00:12:34:56" as AutoinstallRequest["mac"];
  const text = makeAutoinstall({ ...request, mac });
  expect(parse(text, { version: "1.1" }).network.ethernets.boot.match.macaddress).toBe(mac);
});
