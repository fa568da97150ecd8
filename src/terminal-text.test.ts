import { expect, test } from "vitest";
import { terminalLine, terminalText } from "./terminal-text.ts";

test("escape sequences lose their escape, text and line ends stay", () => {
  expect(terminalText("ok\n\u001b[2Jgone\u009b31m\u0007 ü\t1")).toBe("ok\n?[2Jgone?31m? ü\t1");
});

test("a line stays one line", () => {
  expect(terminalLine("a\r\nb\tc")).toBe("a b c");
});
