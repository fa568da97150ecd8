/** Commands: what no shell reads, what fails, and what does something else. Each pair is one change. */
import { describe, expect, test } from "vitest";
import { late, lint, lintPair, type Pair, plain } from "./test-documents.ts";

const expansion = (inner: string): string => `$\{${inner}}`;

/** A command that is right, and one in its place that is wrong. */
const command = (what: string, right: string, wrong: string, says: string): Pair => [
  what,
  late(right),
  `- ${right}`,
  `- ${wrong}`,
  says,
];

const pairs: readonly Pair[] = [
  command(
    "a quote that stays open",
    `"echo 'a'"`,
    `"echo 'a"`,
    "sh cannot read it (Syntax error: Unterminated",
  ),
  command(
    "a script inside the target",
    "curtin in-target -- bash -c 'if true; then id; fi'",
    "curtin in-target -- bash -c 'if true; then id'",
    "bash cannot read it",
  ),
  command(
    "a line of a longer script",
    "|\n      if true; then\n        echo '('\n      fi",
    "|\n      if true; then\n        echo (\n      fi",
    "line 3 of it",
  ),
  command("a list for a shell", "[sh, -c, 'id; (id)']", "[sh, -c, 'id; (id']", "sh cannot read it"),
  command(
    "a command that ends with false",
    '"true"',
    '"false"',
    "ends with `false`: the whole install fails",
  ),
  command("a command that exits with an error", "id; exit 0", "id; exit 3", "ends with `exit 3`"),
  command(
    "options that curtin takes for its own",
    "curtin in-target -- apt-get -y install htop",
    "curtin in-target apt-get -y install htop",
    "gives curtin in-target the option -y",
  ),
  command("[[", "'[ -d /srv ]; id'", "'[[ -d /srv ]]; id'", "uses [[, which is bash's own"),
  command("source", "'. /etc/os-release'", "source /etc/os-release", "uses source"),
  command("==", "'[ a = b ]; id'", "'[ a == b ]; id'", "compares with =="),
  command(
    "substitution",
    `echo ${expansion("A%b")}`,
    `echo ${expansion("A//b/c")}`,
    `expands ${expansion("A//b/c")}`,
  ),
  command("pipefail", "set -eu; id", "set -euo pipefail; id", "uses set -o pipefail"),
  command("&>", "id > /tmp/a 2>&1", "id &> /tmp/a", "redirects by &>"),
  command("echo -e", "echo a > /target/etc/a", "echo -e a > /target/etc/a", "dash prints the -e as well"),
  command("braces", "mkdir /target/srv/a", "'mkdir /target/srv/{a,b}'", "which only bash expands"),
  command("a list of one text", "[touch, /target/etc/a]", "[touch /target/etc/a]", "is a list of one text"),
  command("a list with a pipe", "[echo, a]", "[echo, a, '|', tee, b]", "`|` is handed to the program"),
  command(
    "a condition that decides",
    "'if [ -d /target/srv ]; then id; fi'",
    "'[ -d /target/srv ] && id'",
    "ends with `[ -d /target/srv ] &&`",
  ),
  command(
    "a redirect that leaves the target",
    "curtin in-target -- sh -c 'id > /etc/a'",
    "curtin in-target -- id > /etc/a",
    "writes to /etc/a of the installer's own session",
  ),
  command(
    "sed on the session",
    "sed -i s/a/b/ /target/etc/hosts",
    "sed -i s/a/b/ /etc/hosts",
    "writes to /etc/hosts",
  ),
  command(
    "a log that is not there yet",
    "rm -f /var/log/installer/autoinstall-user-data",
    "rm -f /target/var/log/installer/autoinstall-user-data",
    "which is not there yet",
  ),
  command("a restart", "id", "systemctl reboot", "restarts by `systemctl reboot`"),
  command(
    "a service in the target",
    "curtin in-target -- systemctl enable ssh",
    "chroot /target systemctl restart ssh",
    "where no systemd runs",
  ),
  command(
    "a name with a letter out of place",
    "curtin in-target -- id",
    "crutin in-target -- id",
    "starts crutin (not curtin?)",
  ),
  [
    "runcmd is one script",
    `${plain}  user-data:\n    runcmd:\n      - for i in 1 2; do echo $i; done\n`,
    "; done",
    "",
    "cloud-init puts all of runcmd into one script",
  ],
];

test.each(pairs.map((pair) => ({ what: pair[0], pair })))("$what", async ({ pair }) => {
  const { right, wrong } = await lintPair(pair);
  expect(right).toEqual([]);
  expect(wrong.map(({ message }) => message)).toEqual([expect.stringContaining(pair[4])]);
});

describe("what does not fail the install is not said to", () => {
  test.each([
    ["false || true", []],
    ["'[ -e /a ] && id || true'", []],
    ["'if ! grep -q a /etc/b; then false || true; fi'", []],
    ["'test -e /a; id'", []],
    [
      "|\n      for i in 1 2; do [ -e /a ] && break; sleep 1; done\n      case $(uname -m) in x86_64) id ;; esac",
      [],
    ],
    ["'curtin in-target apt-get -y install htop; id'", ["nothing says so"]],
  ])("%s", async (text, says) => {
    expect((await lint(late(text))).map(({ message }) => message)).toEqual(
      says.map((each) => expect.stringContaining(each)),
    );
  });
});

test("error-commands may end with an error, early-commands may not", async () => {
  const text = `${plain}  error-commands: ['exit 1']\n`;
  expect(await lint(text)).toEqual([]);
  expect(await lint(text.replace("error", "early"))).toMatchObject([
    { message: expect.stringContaining("the install stops before it begins") },
  ]);
});

test("bash may speak bash", async () => {
  expect(await lint(late(`[bash, -c, '[[ -d /a ]] || echo ${expansion("A//b/c")}']`))).toEqual([]);
  expect(await lint(late(`bash -c 'source /a; [[ 1 == 1 ]]'`))).toEqual([]);
});
