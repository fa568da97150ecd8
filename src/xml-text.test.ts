import { expect, test } from "vitest";
import { xmlText } from "./xml-text.ts";

test.each([
  ["plain words, ünïcode and 😀", "plain words, ünïcode and 😀"],
  ['<b a="x">&amp;</b>', "&lt;b a=&quot;x&quot;&gt;&amp;amp;&lt;/b&gt;"],
  [
    "bell \u0007 and escape \u001b[31m go, \ttab\r\nand newline stay",
    "bell  and escape [31m go, \ttab\r\nand newline stay",
  ],
])("%j becomes %j", (text, escaped) => {
  expect(xmlText(text)).toBe(escaped);
});
