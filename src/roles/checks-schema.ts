/** The shape of `checks.yaml`: no check without an expectation and a fault. docs/roles.md describes it for people. */
import { z } from "zod";
import type { Check, Expectation, Fault, Matcher } from "./role.ts";
import { described, NodePath, Script, Sentence } from "./words.ts";

const Pattern = z.string().refine(isRegularExpression, "expected a regular expression (JavaScript's syntax)");

function isRegularExpression(pattern: string): boolean {
  try {
    new RegExp(pattern, "m");
    return true;
  } catch {
    return false;
  }
}

const StreamMatcher = z
  .strictObject({
    equals: described(z.string().optional(), "the whole answer, white space around it aside"),
    matches: described(Pattern.optional(), "a regular expression that it must match"),
    lacks: described(Pattern.optional(), "a regular expression that it must not match"),
  })
  .transform((matcher, context): Matcher => {
    const given = Object.entries(matcher).filter(([, value]) => value !== undefined);
    if (given.length === 1) return Object.fromEntries(given) as Matcher;
    context.addIssue({ code: "custom", message: "expected exactly one of equals, matches and lacks" });
    return z.NEVER;
  });

const Expect = z
  .strictObject({
    exit: described(
      z.union([z.int().min(0).max(255), z.literal("nonzero")]).optional(),
      "an exit code, or nonzero",
    ),
    stdout: described(StreamMatcher.optional(), "{equals: …}, {matches: …} or {lacks: …}"),
    stderr: described(StreamMatcher.optional(), "{equals: …}, {matches: …} or {lacks: …}"),
  })
  .transform((expect, context): Expectation => {
    const given = Object.entries(expect).filter(([, value]) => value !== undefined);
    if (given.length > 0) return Object.fromEntries(given) as Expectation;
    context.addIssue({ code: "custom", message: "a check that expects nothing cannot fail" });
    return z.NEVER;
  });

const VantagePoint = z.enum(["node", "bastion", "outsider"]);

const FaultYaml = z
  .strictObject({
    remove: described(NodePath.optional(), "a file of the node to remove"),
    append: described(
      z
        .strictObject({
          path: described(NodePath, "a file of the node"),
          text: described(z.string().min(1), "what to append"),
        })
        .optional(),
      "{path: …, text: …}",
    ),
    run: described(Script.optional(), "POSIX sh that breaks what the check proves"),
    at: described(VantagePoint.optional(), "where run and undo run: node (default), bastion or outsider"),
    undo: described(Script.optional(), "POSIX sh that mends it again"),
  })
  .transform((fault, context): Fault => {
    const { remove, append, run, at, undo } = fault;
    const refuse = (message: string) => {
      context.addIssue({ code: "custom", message });
      return z.NEVER;
    };
    const kinds = [remove, append, run].filter((part) => part !== undefined);
    if (kinds.length !== 1) return refuse("a fault is exactly one of remove, append and run");
    if (run === undefined && (at !== undefined || undo !== undefined))
      return refuse("at and undo go with run");
    if (remove !== undefined) return { kind: "remove", path: remove };
    if (append !== undefined) return { kind: "append", ...append };
    if (run === undefined || undo === undefined) return refuse("run needs an undo");
    return { kind: "run", at: at ?? "node", run, undo };
  });

const CheckYaml = z.strictObject({
  name: described(Sentence, "a claim, such as: a password login is refused"),
  from: described(VantagePoint, "where it runs: node, bastion or outsider"),
  run: described(Script, "POSIX sh, run as root there"),
  expect: described(Expect, "what it must answer: exit, stdout, stderr"),
  gate: described(z.boolean().default(true), "false: red warns, but the node may be ready"),
  needs: described(
    z
      .array(z.string().regex(/^[a-z][a-z0-9-]*$/, "expected a capability such as kernel-modules"))
      .default([]),
    "what a place must have for the check to make sense",
  ),
  fault: described(FaultYaml, "what must turn it red: remove, append, or run with undo"),
  timeoutSeconds: described(z.int().min(1).max(600).default(20), "seconds until it is red"),
});

export const ChecksYaml = z.array(CheckYaml);
export type CheckDefinition = Omit<Check, "role">;
