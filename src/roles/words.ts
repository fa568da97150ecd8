/** The words of role.yaml and checks.yaml that both have: paths, names, scripts. */
import { z } from "zod";

/** Description is the hint of a finding at that place. */
export const described = <Schema extends z.ZodType>(schema: Schema, description: string): Schema =>
  schema.meta({ description });

/** Neither white space nor what a shell, a list of words or JSON would read as more than itself. */
export const NodePath = z
  .string()
  .regex(
    /^(\/(?!\.{1,2}(\/|$))[A-Za-z0-9_.:=@%+,~-]+)+$/,
    "expected an absolute path without . or .. such as /etc/ssh/sshd_config",
  );

export const AccountName = z
  .string()
  .regex(/^[a-z_][a-z0-9_-]{0,31}$/, "expected the name of an account such as root");

/** Debian Policy 5.6.7. */
export const PackageName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9+.-]+$/, "expected the name of a package such as openssh-server");

/** systemd.unit(5). */
export const Unit = z
  .string()
  .regex(
    /^[A-Za-z0-9:_.\\@-]+\.(service|socket|timer|target|path|mount|automount|swap|slice|scope)$/,
    "expected a systemd unit with its type, such as ssh.service",
  );

/** It is a file's name, and a word of a template. */
export const SecretNameWord = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,62}$/, "expected the name of a secret such as recovery-hash");

export const Script = z.string().regex(/\S/, "expected a line of POSIX sh");
export const Sentence = z.string().regex(/^[^\n]*\S[^\n]*$/, "expected one line of text");

/** Where a role has the public keys of archives, in its folder. */
export const keyFile = /^keys\/[A-Za-z0-9._-]+\.asc$/;
