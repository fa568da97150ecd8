/** What Debian's installer is told: read again as debconf reads it, and whole. */
import { expect, test } from "vitest";
import { makePreseed, type PreseedRequest } from "./preseed.ts";

const request: PreseedRequest = {
  hostname: "node1",
  domain: "lab.test",
  codename: "trixie",
  archives: { main: "http://deb.debian.org/debian", security: "http://deb.debian.org/debian-security" },
  proxy: "http://10.77.0.1:3142",
  nameServers: ["10.77.0.1"],
  kernelPackage: "linux-image-amd64",
  components: [],
};

/** Source: debconf-set-selections(1): owner, question, type, value; one blank after the type. */
function read(text: string): Map<string, { readonly type: string; readonly value: string }> {
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(
    lines.map((line) => {
      const [, question = "", type = "", value = ""] = /^d-i (\S+) (\S+)(?: (.*))?$/.exec(line) ?? [];
      return [question, { type, value }];
    }),
  );
}

test("it is as it was looked at", async () => {
  await expect(makePreseed(request)).toMatchFileSnapshot("cases/node1.preseed");
});

test("each line is an answer that debconf reads, and no question is answered twice", () => {
  const text = makePreseed(request);
  const lines = text.split("\n").filter((line) => line.startsWith("d-i "));
  const answers = read(text);
  expect(answers.size).toBe(lines.length);
  const types = new Set(["string", "boolean", "select", "multiselect", "password", "note"]);
  for (const [question, { type, value }] of answers) {
    expect(types, question).toContain(type);
    if (type === "boolean") expect(["true", "false"], question).toContain(value);
  }
});

test("nobody can log in with a password, and nobody but the plan makes accounts", () => {
  const answers = read(makePreseed(request));
  expect(answers.get("passwd/root-password-crypted")).toEqual({ type: "password", value: "*" });
  expect(answers.get("passwd/make-user")?.value).toBe("false");
});

test("packages come from the group's mirror, through its proxy or without one", () => {
  const answers = read(
    makePreseed({
      ...request,
      archives: { ...request.archives, main: "http://mirror.lab.test:8090/d/debian" },
    }),
  );
  expect(answers.get("mirror/http/hostname")?.value).toBe("mirror.lab.test:8090");
  expect(answers.get("mirror/http/directory")?.value).toBe("/d/debian");
  expect(read(makePreseed({ ...request, proxy: undefined })).get("mirror/http/proxy")?.value).toBe("");
});

test("what roles want beside main is there", () => {
  const answers = read(makePreseed({ ...request, components: ["contrib"] }));
  expect(answers.get("apt-setup/contrib")?.value).toBe("true");
  expect(answers.get("apt-setup/non-free")?.value).toBe("false");
});

test("no disk is named: which is the system's is asked when they are found", () => {
  const text = makePreseed(request);
  expect(text).not.toContain("/dev/");
  expect(read(text).get("partman/early_command")?.value).toBe("/imagectl/disks");
});
