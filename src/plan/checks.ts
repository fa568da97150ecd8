/** A role's check, made for one node: every text in it is rendered. */
import type { Check, Expectation, Fault, Matcher } from "../roles/role.ts";

/** @param render turns one text into what it is on this node. */
export function renderCheck(check: Check, render: (text: string) => string): Check {
  return {
    ...check,
    run: render(check.run),
    expect: renderExpectation(check.expect, render),
    fault: renderFault(check.fault, render),
  };
}

function renderExpectation(expect: Expectation, render: (text: string) => string): Expectation {
  return {
    ...expect,
    ...(expect.stdout === undefined ? {} : { stdout: renderMatcher(expect.stdout, render) }),
    ...(expect.stderr === undefined ? {} : { stderr: renderMatcher(expect.stderr, render) }),
  };
}

function renderMatcher(matcher: Matcher, render: (text: string) => string): Matcher {
  if ("equals" in matcher) return { equals: render(matcher.equals) };
  if ("matches" in matcher) return { matches: render(matcher.matches) };
  return { lacks: render(matcher.lacks) };
}

function renderFault(fault: Fault, render: (text: string) => string): Fault {
  switch (fault.kind) {
    case "remove":
      return { ...fault, path: render(fault.path) };
    case "append":
      return { ...fault, text: render(fault.text) };
    case "run":
      return { ...fault, run: render(fault.run), undo: render(fault.undo) };
    default:
      return fault satisfies never;
  }
}
