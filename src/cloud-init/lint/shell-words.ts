/** Reads POSIX sh as far as a linter needs it: simple commands, their words, redirections and here-documents. Pure. */

export type Word = {
  /** Without its quotes; expansions stand as they are written. */
  readonly text: string;
  readonly isQuoted: boolean;
};

export type SimpleCommand = {
  readonly words: readonly Word[];
  readonly redirects: readonly { readonly operator: string; readonly target: string }[];
  /** Bodies of its here-documents. */
  readonly documents: readonly string[];
  /** The operator in front of it and after it: `&&`, `||`, `|`, `;`, `&`, a new line, or nothing. */
  readonly before: string;
  readonly after: string;
  /** In how many if, for, while, case, { or ( it stands. */
  readonly depth: number;
};

type Token =
  | { readonly kind: "word"; readonly text: string; readonly isQuoted: boolean }
  | { readonly kind: "operator"; readonly text: string }
  | { readonly kind: "redirect"; readonly text: string }
  | { readonly kind: "document"; readonly text: string };

const operators = ["&&", "||", ";;", ";", "&", "|", "(", ")", "\n"];
const redirects = ["&>>", "<<<", "<<-", "&>", "<<", ">>", ">|", ">&", "<&", "<>", ">", "<"];

/** @returns the simple commands in their order. A text that sh would refuse gives whatever can be read of it. */
export function readShell(script: string): SimpleCommand[] {
  return group(tokenize(script));
}

function tokenize(script: string): Token[] {
  const tokens: Token[] = [];
  const pending: { end: string; isIndented: boolean }[] = [];
  let at = 0;
  while (at < script.length) {
    const rest = script.slice(at);
    const skipped = /^([ \t]+|\\\n|#[^\n]*)/.exec(rest)?.[0];
    if (skipped !== undefined) {
      at += skipped.length;
      continue;
    }
    const redirect = redirects.find((each) => rest.replace(/^\d+(?=[<>])/, "").startsWith(each));
    if (redirect !== undefined) {
      at += rest.indexOf(redirect) + redirect.length;
      const target = readWord(script, skipBlanks(script, at));
      at = target.end;
      tokens.push({ kind: "redirect", text: `${redirect} ${target.text}` });
      if (redirect === "<<" || redirect === "<<-") {
        pending.push({ end: target.text, isIndented: redirect === "<<-" });
      }
      continue;
    }
    const operator = operators.find((each) => rest.startsWith(each));
    if (operator !== undefined) {
      at += operator.length;
      if (operator === "\n") {
        for (const { end, isIndented } of pending.splice(0)) {
          const document = readDocument(script, at, end, isIndented);
          at = document.end;
          tokens.push({ kind: "document", text: document.text });
        }
      }
      tokens.push({ kind: "operator", text: operator });
      continue;
    }
    const word = readWord(script, at);
    // Always forward, whatever stands there.
    at = Math.max(word.end, at + 1);
    tokens.push({ kind: "word", text: word.text, isQuoted: word.isQuoted });
  }
  return tokens;
}

function skipBlanks(script: string, at: number): number {
  return at + (/^[ \t]*/.exec(script.slice(at))?.[0].length ?? 0);
}

function readDocument(
  script: string,
  at: number,
  end: string,
  isIndented: boolean,
): { text: string; end: number } {
  const lines: string[] = [];
  let position = at;
  while (position < script.length) {
    const newLine = script.indexOf("\n", position);
    const stop = newLine < 0 ? script.length : newLine;
    const raw = script.slice(position, stop);
    const line = isIndented ? raw.replace(/^\t+/, "") : raw;
    position = stop + 1;
    if (line === end) break;
    lines.push(line);
  }
  return { text: lines.join("\n"), end: Math.min(position, script.length) };
}

type ReadWord = { readonly text: string; readonly isQuoted: boolean; readonly end: number };

function readWord(script: string, start: number): ReadWord {
  let at = start;
  let text = "";
  let isQuoted = false;
  while (at < script.length && !/[\s;&|()<>]/.test(script[at] as string)) {
    const part = readPart(script, at);
    text += part.text;
    isQuoted ||= part.isQuoted;
    at = part.end;
  }
  return { text, isQuoted, end: at };
}

/** One piece of a word: quoted, escaped, an expansion, or a single character. */
function readPart(script: string, at: number): ReadWord {
  const character = script[at] as string;
  if (character === "'") {
    const end = endOf(script, "'", at + 1);
    return { text: script.slice(at + 1, end), isQuoted: true, end: end + 1 };
  }
  if (character === '"') return readDoubleQuoted(script, at + 1);
  if (character === "\\") {
    const next = script[at + 1] ?? "";
    return { text: next === "\n" ? "" : next, isQuoted: true, end: at + 2 };
  }
  const end = endOfExpansion(script, at);
  return { text: script.slice(at, end), isQuoted: false, end };
}

function readDoubleQuoted(script: string, start: number): ReadWord {
  let at = start;
  let text = "";
  while (at < script.length && script[at] !== '"') {
    if (script[at] === "\\" && /["$\\`\n]/.test(script[at + 1] ?? "")) {
      text += script[at + 1] === "\n" ? "" : script[at + 1];
      at += 2;
      continue;
    }
    const end = endOfExpansion(script, at);
    text += script.slice(at, end);
    at = end;
  }
  return { text, isQuoted: true, end: at + 1 };
}

/** `$(…)`, `${…}` and backquotes are taken whole; anything else is one character. */
function endOfExpansion(script: string, at: number): number {
  if (script[at] === "`") return endOf(script, "`", at + 1) + 1;
  const open = script.slice(at, at + 2);
  if (open !== "$(" && open !== "${") return at + 1;
  const close = open === "$(" ? ")" : "}";
  let depth = 1;
  let position = at + 2;
  while (position < script.length && depth > 0) {
    const character = script[position];
    if (character === "\\") position += 1;
    else if (character === "'" && open === "$(") position = endOf(script, "'", position + 1);
    else if (character === open[1]) depth += 1;
    else if (character === close) depth -= 1;
    position += 1;
  }
  return position;
}

function endOf(script: string, quote: string, from: number): number {
  const end = script.indexOf(quote, from);
  return end < 0 ? script.length : end;
}

const opening = new Set(["if", "for", "while", "until", "case", "{"]);
const closing = new Set(["fi", "done", "esac", "}"]);
/** After these a command begins, as at the start of a line. */
const leading = new Set(["then", "else", "elif", "do", "!", "if", "while", "until", "{"]);

type OpenCommand = SimpleCommand & {
  readonly words: Word[];
  readonly redirects: { operator: string; target: string }[];
  readonly documents: string[];
};

function group(tokens: readonly Token[]): SimpleCommand[] {
  const commands: SimpleCommand[] = [];
  const awaiting: OpenCommand[] = [];
  const open = (before: string): OpenCommand => ({
    ...{ words: [], redirects: [], documents: [] },
    ...{ before, after: "", depth: 0 },
  });
  let current = open("");
  let depth = 0;
  // A pattern of case ends with a bracket that nothing opened.
  let brackets = 0;
  const finish = (after: string): void => {
    const isEmpty = current.words.length === 0 && current.redirects.length === 0;
    if (!isEmpty) commands.push({ ...current, after, depth });
    current = open(after);
  };
  for (const token of tokens) {
    switch (token.kind) {
      case "word":
        if (current.words.length === 0 && !token.isQuoted) {
          if (opening.has(token.text)) depth += 1;
          if (closing.has(token.text)) {
            depth = Math.max(depth - 1, 0);
            break;
          }
          if (leading.has(token.text)) break;
        }
        current.words.push(token);
        break;
      case "redirect": {
        const [operator = "", ...target] = token.text.split(" ");
        current.redirects.push({ operator, target: target.join(" ") });
        if (operator === "<<" || operator === "<<-") awaiting.push(current);
        break;
      }
      case "document":
        awaiting.shift()?.documents.push(token.text);
        break;
      case "operator":
        if (token.text === "(") {
          brackets += 1;
          depth += 1;
        }
        finish(token.text);
        if (token.text === ")" && brackets > 0) {
          brackets -= 1;
          depth = Math.max(depth - 1, 0);
        }
        break;
      default:
        token satisfies never;
    }
  }
  finish("");
  return commands;
}
