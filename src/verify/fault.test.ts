import { expect, test } from "vitest";
import { faultScripts } from "./fault.ts";

test("a removed file is kept aside and put back", () => {
  const scripts = faultScripts({ kind: "remove", path: "/etc/it's here" });
  expect(scripts.at).toBe("node");
  expect(scripts.inject).toContain(
    "test -e '/etc/it'\\''s here' && cp -a '/etc/it'\\''s here' /run/imagectl-fault/file",
  );
  expect(scripts.inject).toMatch(/&& rm '\/etc\/it'\\''s here'$/);
  expect(scripts.undo).toContain("cp -a --remove-destination /run/imagectl-fault/file '/etc/it'\\''s here'");
});

test("appended text is one shell word, whatever it holds", () => {
  const { inject } = faultScripts({ kind: "append", path: "/etc/x", text: "$(reboot) %s\n" });
  expect(inject).toContain("printf '%s' '$(reboot) %s\n' >> /etc/x");
});

test("a fault of its own brings its own undo and place", () => {
  expect(faultScripts({ kind: "run", at: "bastion", run: "break", undo: "mend" })).toEqual({
    at: "bastion",
    inject: "break",
    undo: "mend",
  });
});
