/** Which logins prove that the operator still gets in. */
import { describe, expect, test } from "vitest";
import { type Ancestor, type Claim, judgeConfirmation } from "./confirmation.ts";
import { parseStat } from "./session.ts";

const shell: Ancestor = { name: "bash", startedAt: 210, clientAddress: "192.0.2.7" };
const sudo: Ancestor = { name: "sudo", startedAt: 230, clientAddress: undefined };
const sshd: Ancestor = { name: "sshd", startedAt: 205, clientAddress: undefined };
/** The one that listens: older than everything. */
const listener: Ancestor = { name: "sshd", startedAt: 5, clientAddress: undefined };
const good: Claim = {
  waitingSince: 200,
  ancestors: [sudo, shell, sshd, listener],
  ownAddresses: ["127.0.0.1", "10.77.0.1"],
  terminal: "/dev/pts/1",
  isAtConsole: false,
};

test("a login that began after the change, from another machine, is accepted", () => {
  expect(judgeConfirmation(good)).toEqual({ kind: "accepted" });
});
test("so is one of OpenSSH 9.8 and later", () => {
  const ancestors = [sudo, shell, { ...sshd, name: "sshd-session" }, listener];
  expect(judgeConfirmation({ ...good, ancestors })).toEqual({ kind: "accepted" });
});
test("where nothing waits there is nothing to confirm", () => {
  expect(judgeConfirmation({ ...good, waitingSince: undefined })).toEqual({ kind: "nothing-waits" });
});

describe("what proves nothing is refused", () => {
  test.each<[string, Partial<Claim>, string]>([
    ["the login in which the change was made", { ancestors: [shell, { ...sshd, startedAt: 100 }] }, "older"],
    [
      "a new session on a connection that was shared before",
      { ancestors: [{ ...shell, startedAt: 250 }, { ...sshd, startedAt: 100 }, listener] },
      "older",
    ],
    ["tmux", { ancestors: [shell, { ...shell, name: "tmux: server" }] }, "no ssh login"],
    ["cron", { ancestors: [] }, "no ssh login"],
    [
      "a login from the bastion to itself",
      { ancestors: [{ ...shell, clientAddress: "10.77.0.1" }, sshd] },
      "from 10.77.0.1, not from another machine",
    ],
    ["a login over loopback", { ancestors: [{ ...shell, clientAddress: "127.0.0.1" }, sshd] }, "127.0.0.1"],
    ["a login from nowhere", { ancestors: [sudo, sshd] }, "nowhere that is known"],
    ["a console that is none", { isAtConsole: true }, "/dev/pts/1 is no console"],
    [
      "a console without a terminal",
      { isAtConsole: true, terminal: undefined },
      "standard input is no console",
    ],
  ])("%s", (_name, part, reason) => {
    const verdict = judgeConfirmation({ ...good, ...part });
    expect(verdict).toMatchObject({ kind: "refused", reason: expect.stringContaining(reason) });
    expect(verdict).toMatchObject({ hint: expect.stringContaining("imagectl confirm") });
  });
});

test.each(["/dev/tty1", "/dev/ttyS0", "/dev/hvc0"])("the console %s is accepted", (terminal) => {
  expect(judgeConfirmation({ ...good, ancestors: [], terminal, isAtConsole: true }).kind).toBe("accepted");
});

test("a process's line of /proc is read past a name with blanks and parentheses", () => {
  const fields = ["S", "17", ...Array.from({ length: 17 }, () => "0"), "4321", "0"];
  expect(parseStat(`42 (tmux: (x) server) ${fields.join(" ")}\n`)).toEqual({
    name: "tmux: (x) server",
    parent: 17,
    startedTicks: 4321,
  });
  expect(parseStat("")).toBeUndefined();
});
