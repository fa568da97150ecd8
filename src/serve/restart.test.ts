import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import type { Attempt } from "../nodes/attempts.ts";
import type { BootFiles } from "../pxe/boot/script.ts";
import type { CommandAnswer } from "../verify/report.ts";
import { kexecVariables, openRestarter } from "./restart.ts";

const node = { hostname: "node1", address: "10.77.0.11" };
const file = (name: string) => ({ name, url: `http://10.77.0.1:8081/${name}`, sha256: name.repeat(2) });
const files: BootFiles = {
  kernel: file("k"),
  initrds: [file("i"), file("j")],
  commandLine: "imagectl.seed=http://10.77.0.1:8080/seed/abc it's $HOME",
  minRamMiB: 512,
};

/** A node that answers each script by what it contains. */
function open(answers: Readonly<Record<string, Partial<CommandAnswer>>>) {
  const asked: string[] = [];
  const firmwares: string[] = [];
  const restarter = openRestarter({
    runOnNode: () => async (script) => {
      asked.push(script);
      const found = Object.entries(answers).find(([part]) => script.includes(part));
      return { exitCode: 0, stdout: "", stderr: "", ...found?.[1] };
    },
    bootFilesOf: async (_attempt, firmware) => {
      firmwares.push(firmware);
      return files;
    },
    kexecScript: "LOAD",
  });
  return { restarter, asked, firmwares };
}
const attempt = { id: 1 } as Attempt;
const uefi = { "/sys/firmware/efi": { stdout: "uefi-x64\n" } };

test("a reboot goes through the firmware, after the answer has left", async () => {
  const { restarter, asked } = open({});
  expect(await restarter.restart(node, attempt, "reboot")).toEqual({ by: "reboot" });
  expect(asked).toEqual([expect.stringMatching(/^systemd-run .*--on-active=2 .*systemctl reboot$/)]);
});

test("kexec loads what the boot script of the node's firmware would load, then leaves", async () => {
  const { restarter, asked, firmwares } = open(uefi);
  expect(await restarter.restart(node, attempt, "kexec")).toEqual({ by: "kexec" });
  expect(firmwares).toEqual(["uefi-x64"]);
  expect(asked[1]).toContain("LOAD");
  expect(asked[2]).toMatch(/systemctl kexec$/);
});

test("a kernel that takes no other one is rebooted, with its words as the reason", async () => {
  const { restarter, asked } = open({
    ...uefi,
    LOAD: { exitCode: 1, stderr: "x\nkexec_file_load failed: EPERM\n" },
  });
  const restarted = await restarter.restart(node, attempt, "kexec");
  expect(restarted).toEqual({ by: "reboot", reason: "kexec_file_load failed: EPERM" });
  expect(asked.at(-1)).toMatch(/systemctl reboot$/);
});

test("a node that does not take the order is an error with its words", async () => {
  const { restarter } = open({ "systemctl reboot": { exitCode: 1, stderr: "no bus" } });
  await expect(restarter.restart(node, attempt, "reboot")).rejects.toMatchObject({
    code: "NODE_UNREACHABLE",
    message: expect.stringContaining("no bus"),
  });
});

test("what is handed to the script arrives in its shell as it was", () => {
  const script = `${kexecVariables(files)}printf '%s|%s|%s' "$kernel" "$initrds" "$command_line"`;
  expect(execFileSync("sh", ["-c", script], { encoding: "utf8" })).toBe(
    `kk http://10.77.0.1:8081/k|ii http://10.77.0.1:8081/i\njj http://10.77.0.1:8081/j|${files.commandLine}`,
  );
});
