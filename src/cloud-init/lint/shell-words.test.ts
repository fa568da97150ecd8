/** sh as far as it is read: words, operators, redirections, here-documents, nesting. */
import { describe, expect, test } from "vitest";
import { readShell } from "./shell-words.ts";

const words = (script: string): string[][] =>
  readShell(script).map((command) => command.words.map(({ text }) => text));

test.each([
  [`echo 'a b' "c\\"d" e\\ f`, [["echo", "a b", 'c"d', "e f"]]],
  ["a; b && c || d | e & f\ng", [["a"], ["b"], ["c"], ["d"], ["e"], ["f"], ["g"]]],
  [`a "$(b "c d")" \`e f\` $\{g:-h i}`, [["a", '$(b "c d")', "`e f`", `$\{g:-h i}`]]],
  ["# nothing\na # b\n", [["a"]]],
  ["a#b", [["a#b"]]],
  ["a \\\n  b", [["a", "b"]]],
  ["if a; then b; else c; fi", [["a"], ["b"], ["c"]]],
  ["(a; b); { c; }", [["a"], ["b"], ["c"]]],
  ["! a", [["a"]]],
  ["", []],
])("%j", (script, expected) => {
  expect(words(script)).toEqual(expected);
});

test("operators on both sides, and how deep", () => {
  const [first, second, third] = readShell("if a; then b || c; fi");
  expect(first).toMatchObject({ before: "", after: ";", depth: 1 });
  expect(second).toMatchObject({ before: ";", after: "||", depth: 1 });
  expect(third).toMatchObject({ before: "||", after: ";", depth: 1 });
  expect(readShell("a; b").at(-1)).toMatchObject({ before: ";", after: "", depth: 0 });
  expect(readShell("case a in b) c ;; esac; d").at(-1)).toMatchObject({ depth: 0 });
});

test("redirections are no words", () => {
  expect(readShell("a > b 2>&1 >>'c d' < e")[0]).toMatchObject({
    words: [{ text: "a" }],
    redirects: [
      { operator: ">", target: "b" },
      { operator: ">&", target: "1" },
      { operator: ">>", target: "c d" },
      { operator: "<", target: "e" },
    ],
  });
});

describe("here-documents", () => {
  test("go to the command that asked for them", () => {
    const [cat, tee, last] = readShell("cat <<'A' | tee b\none\ntwo\nA\nid");
    expect(cat?.documents).toEqual(["one\ntwo"]);
    expect(tee?.documents).toEqual([]);
    expect(last?.words).toMatchObject([{ text: "id" }]);
  });
  test("<<- loses its tabs, and one without an end takes all", () => {
    expect(readShell("cat <<-A\n\tone\n\tA\n")[0]?.documents).toEqual(["one"]);
    expect(readShell("cat <<A\none")[0]?.documents).toEqual(["one"]);
  });
});

test("whatever stands there, it is read to its end", () => {
  const alphabet = [
    "'",
    '"',
    "`",
    "$(",
    "${",
    ")",
    "}",
    "\\",
    "\n",
    "<<",
    "<<-",
    ">",
    "&>",
    "a",
    " ",
    ";",
    "|",
    "#",
    "if ",
  ];
  let state = 1;
  for (let round = 0; round < 2_000; round++) {
    let script = "";
    for (let length = 0; length < 12; length++) {
      // A linear congruential generator: the same texts in each run. Source: Numerical Recipes.
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      script += alphabet[state % alphabet.length];
    }
    expect(Array.isArray(readShell(script)), JSON.stringify(script)).toBe(true);
  }
});
