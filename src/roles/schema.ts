/** The shape of `role.yaml`. docs/roles.md describes it for people. */
import { z } from "zod";
import type { ErrorCode } from "../error-codes.ts";
import { problem } from "../yaml-shape.ts";
import { complainAboutValue, isPattern } from "./params.ts";
import type { FirewallRule, ParamSchema, RoleCommand, RoleSecret } from "./role.ts";
import {
  AccountName,
  described,
  keyFile,
  NodePath,
  PackageName,
  Script,
  SecretNameWord,
  Sentence,
  Unit,
} from "./words.ts";

/** `debian` or `debian-12`: a family, or one release of it. */
export const OsLevel = /^[a-z]+(-[0-9]+(\.[0-9]+)?)?$/;

const Param = z
  .strictObject({
    type: described(
      z.enum(["string", "integer", "boolean", "array", "file"]),
      "string, integer, boolean, array or file",
    ),
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
    pattern: described(
      z.string().refine(isPattern, { abort: true, error: "expected a regular expression" }).optional(),
      "a regular expression for the whole text, or for each text of an array",
    ),
    default: described(
      z.unknown().optional(),
      "the value where the cluster file gives none; a file has no default",
    ),
    description: described(Sentence, "what it does, in one line"),
  })
  .superRefine((param, context) => {
    const refuse = (message: string, key: string) =>
      context.addIssue({ code: "custom", message, path: [key] });
    if ((param.type === "array") !== (param.items !== undefined))
      refuse("an array has items, and nothing else has", "items");
    if (param.pattern !== undefined && (param.items ?? param).type !== "string")
      refuse("only a text has a pattern", "pattern");
    if (param.type === "file") {
      if (param.default !== undefined) refuse("a file has no default: the cluster file names it", "default");
      if (param.enum !== undefined) refuse("a file has no list of values", "enum");
      return;
    }
    if (param.default === undefined) {
      const hint = "Add it: the value where the cluster file gives none";
      context.addIssue(problem("a default is missing", { code: "KEY_MISSING", hint, path: ["default"] }));
      return;
    }
    const complaint = complainAboutValue(toParamSchema(param), param.default);
    if (complaint !== undefined) refuse(complaint, "default");
  });

type RawParam = {
  readonly type: ParamSchema["type"];
  readonly enum?: readonly (string | number)[] | undefined;
  readonly items?: { readonly type: "string" | "integer" } | undefined;
  readonly pattern?: string | undefined;
  readonly default?: unknown;
  readonly description: string;
};

export function toParamSchema({ enum: allowed, items, pattern, ...param }: RawParam): ParamSchema {
  return {
    ...{ ...param, default: param.default },
    ...(allowed === undefined ? {} : { enum: allowed }),
    ...(items === undefined ? {} : { items }),
    ...(pattern === undefined ? {} : { pattern }),
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

const Firewall = z
  .strictObject({
    direction: described(z.enum(["in", "out"]), "in or out, seen from the node"),
    protocol: described(z.enum(["tcp", "udp"]).optional(), "tcp or udp"),
    port: described(z.int().min(1).max(65_535).optional(), "1 to 65535"),
    peer: described(
      z.enum(["bastion", "nodes", "anyone", "group"]),
      "who may connect (in) or be reached (out): bastion, nodes (all machines of their network), anyone, or group (the other nodes of the group, on every port)",
    ),
    onBastion: described(
      z.enum(["nodes", "anyone"]).optional(),
      "instead of peer where the bastion itself has the role: nodes or anyone; without it a rule for the bastion is left out there",
    ),
    comment: described(Sentence, "what the port is for, in one line"),
    mend: described(
      Sentence.optional(),
      "for peer bastion: what the operator does there while nothing answers; SUBNET stands for the nodes' network",
    ),
  })
  .transform(({ direction, comment, protocol, port, peer, onBastion, mend }, context): FirewallRule => {
    const refuse = (key: string, message: string, hint: string, code: ErrorCode = "VALUE_INVALID") => {
      context.addIssue(problem(message, { code, hint, path: [key] }));
      return z.NEVER;
    };
    if (peer === "group") {
      const named = Object.entries({ protocol, port, onBastion, mend }).find(
        ([, value]) => value !== undefined,
      );
      if (named === undefined) return { direction, protocol: "any", port: "any", peer, comment };
      return refuse(
        named[0],
        "a rule for the group is about everything",
        "Leave it out, or name another peer",
      );
    }
    if (protocol === undefined)
      return refuse("protocol", "a protocol is missing", "Add it: tcp or udp", "KEY_MISSING");
    if (port === undefined) return refuse("port", "a port is missing", "Add it: 1 to 65535", "KEY_MISSING");
    return {
      ...{ direction, protocol, port, peer, comment },
      ...(onBastion === undefined ? {} : { onBastion }),
      ...(mend === undefined ? {} : { mend }),
    };
  });

const Scrape = z.strictObject({
  job: described(
    z.string().regex(/^[a-z][a-z0-9-]*$/, "expected a name such as node"),
    "the job's name in Prometheus, such as node",
  ),
  port: described(z.int().min(1).max(65_535), "1 to 65535; a rule under firewall lets the bastion in there"),
  path: described(
    z
      .string()
      .regex(/^\/[A-Za-z0-9_./-]*$/, "expected a path such as /metrics")
      .default("/metrics"),
    "where the metrics are, such as /metrics",
  ),
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

const RoleSecretYaml = z
  .strictObject({
    name: described(SecretNameWord, "its name, as in {{secrets.NAME}}"),
    scope: described(
      z.enum(["node", "cluster"]),
      "node: each machine has its own; cluster: all have the same",
    ),
    description: described(Sentence, "what it is, in one line"),
    make: described(Sentence.optional(), "the command that makes it; default: imagectl secrets set"),
  })
  .transform(({ make, ...secret }): RoleSecret => {
    const node = secret.scope === "node" ? " --node {{node.hostname}}" : "";
    return { ...secret, make: make ?? `sudo imagectl secrets set ${secret.name}${node} --from FILE` };
  });

const Archive = z
  .strictObject({
    name: described(
      z.string().regex(/^[a-z][a-z0-9-]*$/, "expected a name such as cuda"),
      "a name of your choice, such as cuda",
    ),
    uri: described(
      z.string().regex(/^https?:\/\/[^\s[\]]+$/, "expected an address that begins with https:// or http://"),
      "where the archive is, as in sources.list",
    ),
    suite: described(
      z.string().regex(/^[A-Za-z0-9._/-]+$/, "expected a suite such as stable, or a folder such as ./"),
      "the suite, such as stable; of a flat archive its folder, such as ./",
    ),
    components: described(
      z.array(z.string().regex(/^[A-Za-z0-9._/-]+$/, "expected a name such as main")).default([]),
      "the components, such as main; a flat archive has none",
    ),
    key: described(
      z.string().regex(keyFile, "expected a file of this role such as keys/cuda.asc"),
      "the file of this role with the public keys that sign the archive",
    ),
  })
  .superRefine(({ suite, components }, context) => {
    if (suite.endsWith("/") === (components.length === 0)) return;
    const message = "a suite that ends with / has no components, and every other has some";
    context.addIssue({ code: "custom", message, path: ["suite"] });
  });

/** What a role has for every system, and may have more of for some. */
const variable = {
  packages: described(z.array(PackageName).default([]), "packages to install"),
  components: described(
    z.array(z.string().regex(/^[a-z][a-z-]*$/, "expected a name such as non-free")).default([]),
    "components of the archives that its packages are in, beside those of every image: contrib, non-free, restricted",
  ),
  buildPackages: described(
    z.array(PackageName).default([]),
    "packages that only its commands in an image's build need; the image has them no more",
  ),
  archives: described(
    z.array(Archive).default([]),
    "archives of others that its packages are in, while an image is built",
  ),
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
  systems: described(
    z.array(z.string().regex(OsLevel, "expected a family or a release: debian, debian-12")).default([]),
    "the systems that it is for; without this, all",
  ),
  needs: described(
    z.array(z.string()).default([]),
    "roles that a group must list as well; they are applied first",
  ),
  secrets: described(
    z.array(RoleSecretYaml).default([]),
    "values that files of this role take in on their way to a node",
  ),
  scrapes: described(z.array(Scrape).default([]), "what Prometheus asks each machine of this role for"),
  ...variable,
  byOs: described(
    z.record(z.string(), OsVariant).default({}),
    "additions for a family (debian) or a release (debian-12)",
  ),
});
export type RoleYaml = z.output<typeof RoleYaml>;
