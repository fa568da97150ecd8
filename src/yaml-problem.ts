/** What a YAML parser complains of, said to the person who wrote the line: what is wrong there and what to do. Pure. */
import type { YAMLError } from "yaml";

export type YamlProblem = { readonly message: string; readonly hint: string };

const general = "Check the indentation, colons and quotes here and in the line above.";

/** By the parser's code; others keep the parser's own words. */
const known: Partial<Record<YAMLError["code"], YamlProblem>> = {
  TAB_AS_INDENT: {
    message: "a tab stands in front of this line; YAML takes spaces alone",
    hint: "Put as many spaces there as the lines beside it have.",
  },
  BAD_INDENT: {
    message: "this line does not begin in the column of those that it belongs to",
    hint: "Count the spaces in front of it and of its neighbours. Behind a key with lines below it stands nothing, also no {} or [].",
  },
  BLOCK_AS_IMPLICIT_KEY: {
    message: "a key or a list begins here, where the line above or the key before has a value already",
    hint: "Each key stands on a line of its own, and keys of one entry begin in the same column: count the spaces.",
  },
  MISSING_CHAR: {
    message: "this line has no colon with a space behind it, or no closing quote",
    hint: "Write key: value. A text with a quote in front has one at its end.",
  },
  BAD_SCALAR_START: {
    message: "a text cannot begin with this character",
    hint: 'Put it in quotes: key: "@value"',
  },
};

/** A list or map in brackets says BAD_INDENT when it is not closed. */
const unclosed: YamlProblem = {
  message: "a [ or { above is not closed",
  hint: "Add the ] or } that is missing, before this line.",
};

const isThereTwice = "is there twice";

/** Whether a finding is of a key that stands twice, which is no error of syntax: the document can be read. */
export function isOfKeyTwice({ message }: { readonly message: string }): boolean {
  return message.endsWith(isThereTwice);
}

/** @param mayQuote whether words of the file may be shown. */
export function explainYaml(error: YAMLError, text: string, mayQuote: boolean): YamlProblem {
  if (error.code === "DUPLICATE_KEY") {
    // The parser marks only the first character of the key.
    const key = mayQuote ? ` ${/^[^:\n]*/.exec(text.slice(error.pos[0]))?.[0].trim()}` : "";
    return {
      message: `the key${key} ${isThereTwice}`,
      hint: "Put both into one, or give one of them another name.",
    };
  }
  if (error.code === "BAD_INDENT" && error.message.startsWith("Flow")) return unclosed;
  const message = mayQuote ? error.message : `not valid YAML (${error.code})`;
  return known[error.code] ?? { message, hint: general };
}
