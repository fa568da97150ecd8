/** The shape of `role.yaml` and `checks.yaml`. docs/roles.md describes the same for people. */
import { z } from "zod";
import { complainAboutValue } from "./params.ts";
import type { Check, Expectation, Fault, Matcher, ParamSchema, RoleCommand } from "./role.ts";

const described = <Schema extends z.ZodType>(schema: Schema, description: string): Schema =>
  schema.meta({ description });

/** Neither white space nor what a shell, a list of words or JSON would read as more than itself. */
const NodePath = z
  .string()
  .regex(
    /^(\/(?!\.{1,2}(\/|$))[A-Za-z0-9_.:=@%+,~-]+)+$/,
    "expected an absolute path without . or .. such as /etc/ssh/sshd_config",
  );

const AccountName = z
  .string()
  .regex(/^[a-z_][a-z0-9_-]{0,31}$/, "expected the name of an account such as root");

/** Debian Policy 5.6.7. */
const PackageName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9+.-]+$/, "expected the name of a package such as openssh-server");

/** systemd.unit(5). */
const Unit = z
  .string()
  .regex(
    /^[A-Za-z0-9:_.\\@-]+\.(service|socket|timer|target|path|mount|automount|swap|slice|scope)$/,
    "expected a systemd unit with its type, such as ssh.service",
  );

const Script = z.string().regex(/\S/, "expected a line of POSIX sh");
const Sentence = z.string().regex(/^[^\n]*\S[^\n]*$/, "expected one line of text");

/** `debian` or `debian-12`: a family, or one release of it. */
export const OsLevel = /^[a-z]+(-[0-9]+(\.[0-9]+)?)?$/;

const Param = z
  .strictObject({
    type: described(z.enum(["string", "integer", "boolean", "array"]), "string, integer, boolean or array"),
    enum: described(
      z
        .array(z.union([z.string(), z.number()]))
        .min(1)
        .optional(),
      "the values that it may have",
    ),
    items: described(
      z.strictObject({ type: z.enum(["string", "integer"]) }).optional(),
      "of an array: {type: string} or {type: integer}",
    ),
    default: described(z.unknown(), "the value where the cluster file gives none"),
    description: described(Sentence, "what it does, in one line"),
  })
  .superRefine((param, context) => {
    const refuse = (message: string, key: string) =>
      context.addIssue({ code: "custom", message, path: [key] });
    if ((param.type === "array") !== (param.items !== undefined))
      refuse("an array has items, and nothing else has", "items");
    const complaint = complainAboutValue(toParamSchema(param), param.default);
    if (complaint !== undefined) refuse(complaint, "default");
  });

type RawParam = {
  readonly type: ParamSchema["type"];
  readonly enum?: readonly (string | number)[] | undefined;
  readonly items?: { readonly type: "string" | "integer" } | undefined;
  readonly default: unknown;
  readonly description: string;
};

export function toParamSchema({ enum: allowed, items, ...param }: RawParam): ParamSchema {
  return {
    ...param,
    ...(allowed === undefined ? {} : { enum: allowed }),
    ...(items === undefined ? {} : { items }),
  };
}

const Service = z.strictObject({
  unit: described(Unit, "a systemd unit, such as ssh.service"),
  state: described(
    z.enum(["enabled", "masked", "disabled"]).default("enabled"),
    "enabled, masked or disabled",
  ),
  onChange: described(
    z.array(NodePath).default([]),
    "paths of files; when one changes, the unit gets the action",
  ),
  action: described(z.enum(["restart", "reload"]).default("restart"), "restart or reload"),
});

const Firewall = z.strictObject({
  direction: described(z.enum(["in", "out"]), "in or out, seen from the node"),
  protocol: described(z.enum(["tcp", "udp"]), "tcp or udp"),
  port: described(z.int().min(1).max(65_535), "1 to 65535"),
  peer: described(
    z.enum(["bastion", "anyone"]),
    "who may connect (in) or be reached (out): bastion or anyone",
  ),
  comment: described(Sentence, "what the port is for, in one line"),
});

const Command = z
  .strictObject({
    name: described(Sentence, "what it does, in one line"),
    run: described(Script, "POSIX sh, run as root after the files are in place"),
    onChange: described(z.array(NodePath).min(1).optional(), "run when one of these paths changed"),
    unless: described(Script.optional(), "run when this sh test fails"),
  })
  .superRefine(({ onChange, unless }, context) => {
    if ((onChange === undefined) !== (unless === undefined)) return;
    context.addIssue({
      code: "custom",
      message: "a command has either onChange or unless: else it would run every time",
    });
  })
  .transform(
    ({ name, run, onChange, unless }): RoleCommand => ({
      name,
      run,
      ...(onChange === undefined ? {} : { onChange }),
      ...(unless === undefined ? {} : { unless }),
    }),
  );

const Validator = z.strictObject({
  name: described(Sentence, "the claim that it checks, such as: sshd accepts its configuration"),
  run: described(Script, "POSIX sh that fails when the files are not good"),
  paths: described(z.array(NodePath).min(1), "the files that it validates; it runs when one of them changed"),
});

const FileMode = z.strictObject({
  mode: described(
    z
      .string()
      .regex(/^0[0-7]{3}$/, 'expected octal permission bits in quotes, such as "0600"')
      .optional(),
    'permission bits in quotes, such as "0600"',
  ),
  owner: described(AccountName.default("root"), "the account that owns it"),
  group: described(AccountName.default("root"), "the group that owns it"),
});

/** What a role has for every system, and may have more of for some. */
const variable = {
  packages: described(z.array(PackageName).default([]), "packages to install"),
  services: described(z.array(Service).default([]), "systemd units and their state"),
  firewall: described(z.array(Firewall).default([]), "ports that this role opens"),
  commands: described(z.array(Command).default([]), "what to run after the files are in place"),
  validators: described(z.array(Validator).default([]), "what must pass before anything is switched over"),
  fileModes: described(
    z.record(z.string(), FileMode).default({}),
    "mode and owner of files by their path on the node; the others are 0644 root root, or 0755 where the source is executable",
  ),
};

const OsVariant = z.strictObject({
  ...variable,
  params: described(
    z
      .record(z.string(), z.strictObject({ default: described(z.unknown(), "the default on this system") }))
      .default({}),
    "other defaults on this system",
  ),
});
export type OsVariant = z.output<typeof OsVariant>;

export const RoleYaml = z.strictObject({
  summary: described(Sentence, "what the role is about, in one line"),
  params: described(z.record(z.string(), Param).default({}), "what the cluster file may set, by name"),
  needs: described(
    z.array(z.string()).default([]),
    "roles that a group must list as well; they are applied first",
  ),
  ...variable,
  byOs: described(
    z.record(z.string(), OsVariant).default({}),
    "additions for a family (debian) or a release (debian-12)",
  ),
});
export type RoleYaml = z.output<typeof RoleYaml>;

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
