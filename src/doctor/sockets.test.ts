/** What ss and /proc say. The lines are those of iproute2 6.1 and Linux 6.1. */
import { describe, expect, test } from "vitest";
import { hears, parseParentPid, parseSockets, parseUnit } from "./sockets.ts";

const place = { name: "eth1", address: "10.77.0.1" };
const who = 'users:(("dnsmasq",pid=123,fd=4))';

describe("a line of ss", () => {
  test.each([
    ["every address", `UNCONN 0 0 0.0.0.0:67 0.0.0.0:* ${who}`, "0.0.0.0", undefined],
    ["an interface", `UNCONN 0 0 0.0.0.0%eth1:67 0.0.0.0:* ${who}`, "0.0.0.0", "eth1"],
    ["one address", `UNCONN 0 0 10.77.0.1:67 0.0.0.0:* ${who}`, "10.77.0.1", undefined],
    ["both families", `UNCONN 0 0 *:67 *:* ${who}`, "*", undefined],
    ["IPv6", `UNCONN 0 0 [::]:67 [::]:* ${who}`, "[::]", undefined],
    ["a link-local address", `UNCONN 0 0 [fe80::1]%eth1:67 [::]:* ${who}`, "[fe80::1]", "eth1"],
  ])("that listens on %s", (_name, line, address, device) => {
    expect(parseSockets("udp", line)).toEqual([
      { protocol: "udp", port: 67, address, device, process: { name: "dnsmasq", pid: 123 } },
    ]);
  });
  test("without a process, as another user sees it", () => {
    expect(parseSockets("tcp", "LISTEN 0 128 0.0.0.0:22 0.0.0.0:*\n")).toMatchObject([
      { port: 22, process: undefined },
    ]);
  });
  test.each(["", "\n", "nonsense", "UNCONN 0 0", "a b c d:e f"])("that is none, %j, says nothing", (line) => {
    expect(parseSockets("udp", line)).toEqual([]);
  });
});

test.each([
  ["0.0.0.0", undefined, true],
  ["[::]", "eth1", true],
  ["10.77.0.1", undefined, true],
  ["0.0.0.0", "virbr0", false],
  ["192.168.1.1", undefined, false],
])("a socket on %s of %s hears our place: %s", (address, device, expected) => {
  expect(hears({ protocol: "udp", port: 67, address, device, process: undefined }, place)).toBe(expected);
});

test("a parent is read past a name with blanks and parentheses", () => {
  expect(parseParentPid("42 (a ) b (c)) S 17 42 42 0 -1\n")).toBe(17);
  expect(parseParentPid("")).toBeUndefined();
});

test.each([
  ["0::/system.slice/dnsmasq.service\n", "dnsmasq.service"],
  ["0::/system.slice/libvirtd.service/dnsmasq\n", "libvirtd.service"],
  ["0::/user.slice/user-0.slice/session-1.scope\n", undefined],
  ["", undefined],
])("the unit in %j is %s", (cgroup, unit) => {
  expect(parseUnit(cgroup)).toBe(unit);
});
