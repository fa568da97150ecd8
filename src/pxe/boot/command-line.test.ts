import { expect, test } from "vitest";
import type { Ipv4Address, MacAddress } from "../../address.ts";
import { type CommandLineValues, expandCommandLine, findArgumentProblems } from "./command-line.ts";

const values: CommandLineValues = {
  seedUrl: "http://10.77.0.1:8080/seed/abc",
  artefactsUrl: "http://10.77.0.1:8081/artefacts",
  address: "10.77.0.11" as Ipv4Address,
  prefixLength: 24,
  mac: "52:54:00:77:00:11" as MacAddress,
  bastionAddress: "10.77.0.1" as Ipv4Address,
  hostname: "node1",
  domain: "lab.test",
  kernelArguments: ["console=ttyS0", "nomodeset"],
};

test("values take the place of their names, and kernelArguments becomes as many tokens as it has", () => {
  const template = [
    "boot=x",
    "imagectl.seed={seedUrl}",
    "imagectl.address={address}/{prefixLength}",
    "{kernelArguments}",
    "imagectl.mac={mac}",
    "imagectl.artefacts={artefactsUrl}",
  ];
  expect(expandCommandLine(template, values)).toEqual([
    "boot=x",
    "imagectl.seed=http://10.77.0.1:8080/seed/abc",
    "imagectl.address=10.77.0.11/24",
    "console=ttyS0",
    "nomodeset",
    "imagectl.mac=52:54:00:77:00:11",
    "imagectl.artefacts=http://10.77.0.1:8081/artefacts",
  ]);
  expect(expandCommandLine(["{kernelArguments}"], { ...values, kernelArguments: [] })).toEqual([]);
});

test.each([
  ["a name that there is not", "a={seed}"],
  ["a list inside a token", "a={kernelArguments}"],
  ["a name that every object has", "a={constructor}"],
])("%s is refused", (_name, token) => {
  expect(() => expandCommandLine([token], values)).toThrow(
    expect.objectContaining({ code: "KERNEL_ARGUMENT_INVALID" }),
  );
});

test.each([
  ["a setting of iPXE", "x=$\u007bnet0/mac}", "iPXE expands"],
  ["a comment", "#x", "starts a comment"],
  ["or", "||", "ends a command"],
  ["and", "&&", "ends a command"],
  ["a semicolon", ";", "ends a command"],
  ["a space", "a b", "white space"],
  ["a tab", "a\tb", "white space"],
  ["a line break", "a\nchain http://elsewhere", "white space"],
  ["a quoted space", 'dyndbg="file x +p"', "white space"],
  ["a joined line", "a\\", "joins lines"],
  ["other than ASCII", "naïve", "printable ASCII"],
  ["nothing", "", "is empty"],
])("iPXE would take %s for its own: refused", (_name, token, reason) => {
  const findings = findArgumentProblems(["quiet", token], "node1");
  expect(findings).toMatchObject([{ code: "KERNEL_ARGUMENT_INVALID", where: "node1", severity: "error" }]);
  expect(findings[0]?.message).toContain(reason);
  expect(() => expandCommandLine(["{kernelArguments}"], { ...values, kernelArguments: [token] })).toThrow(
    reason,
  );
});

test.each(["a=b#c", "a||b", "a&&b", "a;b", "$x", "a={b}", "---", "-x", "a=\\b", 'a="b"', "a='b'"])(
  "%s means nothing to iPXE and is kept",
  (token) => {
    expect(expandCommandLine(["{kernelArguments}"], { ...values, kernelArguments: [token] })).toEqual([
      token,
    ]);
  },
);

test("a line longer than the kernel takes is refused before it is cut off", () => {
  const long = { ...values, kernelArguments: ["x".repeat(2047)] };
  expect(expandCommandLine(["{kernelArguments}"], long)[0]?.length).toBe(2047);
  expect(() => expandCommandLine(["a", "{kernelArguments}"], long)).toThrow(
    "2049 characters; the kernel takes 2047",
  );
});
