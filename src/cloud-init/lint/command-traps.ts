/** Commands that sh reads without complaint, and that fail on the machine or do something else there. */

import type { Finding } from "../../errors.ts";
import { editDistance } from "../../nearest.ts";
import { commandsOf, type Moment, readCommand, type Step } from "./commands.ts";
import type { Check, Subject } from "./subject.ts";

type Trap = {
  /** @returns what is caught: the word or words to name; undefined when nothing is. */
  readonly catches: (step: Step, subject: Subject) => string | undefined;
  /** `fails`: it ends with an error. `ends-shell`: so does all that comes after it. The others do something else. */
  readonly kind: "fails" | "ends-shell" | "wrong" | "doubtful";
  /** Only where it matters. Default: always. */
  readonly moments?: readonly Moment[];
  /** What happens, with the caught words in place of `%`. */
  readonly effect: string;
  readonly hint: string;
};

/** Why the failure of a command is more than a line in a log. */
const consequence: Readonly<Record<Moment, string>> = {
  early: "the install stops before it begins",
  late: "the whole install fails after it had succeeded",
  error: "the rest of it is not run",
  boot: "what it was meant to set up is not there",
};

const inSh = (step: Step): boolean => step.shell === "sh";
const program = (step: Step): string => step.words[0] ?? "";
/** Its exit code becomes that of the command, whatever came before. */
const decides = (step: Step): boolean => step.isLast && step.depth === 0;
const mustWork = ["early", "late"] as const;

const bashOnly = ["[[", "source", "pushd", "popd", "shopt", "declare", "mapfile", "readarray", "((", "let"];
const operatorWords = [">", ">>", "<", "|", "||", "&&", ";", "&", "2>&1"];
const conditions = ["[", "test", "grep", "egrep", "which", "mountpoint", "cmp", "diff"];
const configFolders = /^\/(etc|usr|home|root|opt|srv|boot|var\/lib|var\/spool)\//;
const editors = ["tee", "touch", "mkdir", "chmod", "chown"];
const inChrootNothing = ["hostnamectl", "timedatectl", "localectl", "loginctl", "resolvectl"];

const traps: readonly Trap[] = [
  {
    catches: (step) => {
      const isExit = program(step) === "exit" && /^[1-9]\d*$/.test(step.words[1] ?? "");
      const isFailure = isExit || program(step) === "false";
      const isTail = step.before !== "||" && step.before !== "&&";
      return isFailure &&
        step.depth === 0 &&
        isTail &&
        (isExit || decides(step)) &&
        !step.after.startsWith("||")
        ? step.words.join(" ")
        : undefined;
    },
    kind: "ends-shell",
    moments: mustWork,
    effect: "ends with `%`",
    hint: "Let it end with 0, for example by: || true",
  },
  {
    catches: (step) => {
      if (step.wrapper[0] !== "curtin" || step.wrapper.includes("--")) return undefined;
      return step.words.find((word) => /^-./.test(word));
    },
    kind: "fails",
    effect:
      "gives curtin in-target the option %, which is the command's own: curtin does not know it and runs nothing",
    hint: "Write two dashes in front of the command: curtin in-target -- apt-get -y install …",
  },
  {
    catches: (step) => (inSh(step) && bashOnly.includes(program(step)) ? program(step) : undefined),
    kind: "fails",
    effect: "uses %, which is bash's own: sh is dash on Ubuntu, and has no such command",
    hint: "Write it for POSIX sh: [ … ] for [[ … ]], . for source. Or as a list: [bash, -c, …]",
  },
  {
    catches: (step) => {
      const isTest = program(step) === "[" || program(step) === "test";
      return inSh(step) && isTest && step.words.includes("==") ? "==" : undefined;
    },
    kind: "fails",
    effect: "compares with %, which is bash's own: dash calls it an unexpected operator and the test fails",
    hint: "Write a single =.",
  },
  {
    catches: (step) =>
      inSh(step) ? step.bareWords.find((word) => /\$\{\w+(\/|:[0-9 ]|\^|,)/.test(word)) : undefined,
    kind: "ends-shell",
    effect: "expands %, which is bash's own: dash says Bad substitution and stops there",
    hint: "Use sed or cut, or run it by bash: [bash, -c, …]",
  },
  {
    catches: (step, { release }) =>
      inSh(step) && program(step) === "set" && step.words.includes("pipefail") && release !== "26.04"
        ? "set -o pipefail"
        : undefined,
    kind: "ends-shell",
    effect: "uses %: dash of 22.04 and 24.04 calls it an illegal option and stops there",
    hint: "Remove it, or run the command by bash: [bash, -c, …]",
  },
  {
    catches: (step) =>
      inSh(step) ? step.redirects.find(({ operator }) => operator.startsWith("&>"))?.operator : undefined,
    kind: "wrong",
    effect:
      "redirects by %, which is bash's own: dash starts the command in the background and empties the file",
    hint: "Write: >FILE 2>&1",
  },
  {
    catches: (step) =>
      inSh(step) && program(step) === "echo" && /^-[neE]*e/.test(step.words[1] ?? "") ? "echo -e" : undefined,
    kind: "doubtful",
    effect: "uses %: dash prints the -e as well",
    hint: "Use printf: printf '%s\\n' 'one line' 'another one'",
  },
  {
    catches: (step) =>
      inSh(step) ? step.bareWords.find((word) => /\{[^{}$]*[^{}$\s],[^{}]*\}/.test(word)) : undefined,
    kind: "doubtful",
    effect: "writes %, which only bash expands: dash takes it as one name",
    hint: "Write each name out.",
  },
  {
    catches: (step) => {
      const [first = "", ...others] = [...step.wrapper, ...step.words];
      return step.shell === undefined && others.length === 0 && /\s/.test(first) ? first : undefined;
    },
    kind: "fails",
    effect:
      "is a list of one text: it is the name of a program, blanks and all, and there is none of that name",
    hint: "Write it as a text without brackets, or each word as an entry of its own.",
  },
  {
    catches: (step) =>
      step.shell === undefined ? step.words.slice(1).find((word) => operatorWords.includes(word)) : undefined,
    kind: "wrong",
    effect: "is a list, which no shell reads: `%` is handed to the program as one of its words",
    hint: "Write it as one text, or as: [sh, -c, …]",
  },
  {
    catches: (step) => {
      const isHanging = step.before === "&&" && decides(step) && step.after === "";
      const condition = step.previous;
      return isHanging && condition !== undefined && conditions.includes(program(condition))
        ? `${condition.words.join(" ")} &&`
        : undefined;
    },
    kind: "doubtful",
    moments: mustWork,
    effect: "ends with `%`: where that is not so, the command counts as failed, and with it the install",
    hint: "Write: if …; then …; fi",
  },
  {
    catches: (step) => {
      if (step.isInTarget && step.wrapper.length === 0) return undefined;
      const targets = step.redirects
        .filter(({ operator }) => /^>/.test(operator))
        .map(({ target }) => target);
      const edited = step.isInTarget || !edits(step) ? [] : step.words.slice(1);
      return [...targets, ...edited].find((path) => configFolders.test(path));
    },
    kind: "doubtful",
    moments: ["late"],
    effect: "writes to % of the installer's own session, which is gone after the restart",
    hint: "Write to /target/…, or run the whole line inside: curtin in-target -- sh -c '…'",
  },
  {
    catches: (step) =>
      program(step) === "rm"
        ? (step.words.find((word) => /^\/target\/var\/log\/installer\/./.test(word)) ??
          (step.isInTarget ? step.words.find((word) => /^\/var\/log\/installer\/./.test(word)) : undefined))
        : undefined,
    kind: "doubtful",
    moments: ["late"],
    effect:
      "removes %, which is not there yet: the logs, with password hashes, are copied to it after the late-commands",
    hint: "Remove it at its source, /var/log/installer/… of the installer's session, or on the first boot.",
  },
  {
    catches: (step) => {
      const words = step.words.join(" ");
      return /^(reboot|poweroff|halt|shutdown|systemctl (--\S+ )*(reboot|poweroff))\b/.test(words)
        ? words
        : undefined;
    },
    kind: "doubtful",
    moments: ["late"],
    effect:
      "restarts by `%` in the middle of the install: logs are not copied, and nobody is told of the end",
    hint: "Use the key shutdown: reboot or poweroff.",
  },
  {
    catches: (step) => {
      const words = step.words.join(" ");
      const isIgnored =
        /^systemctl (--\S+ )*(start|restart|reload)\b/.test(words) || inChrootNothing.includes(program(step));
      return step.isInTarget && isIgnored ? words : undefined;
    },
    kind: "doubtful",
    effect:
      "runs `%` in the target, where no systemd runs: it does nothing there, or something to the installer's session",
    hint: "Write the file that it would write, or enable a unit: systemctl enable …",
  },
  {
    catches: (step) => {
      const name = program(step);
      const isPlain = /^[a-z][a-z-]{3,}$/.test(name) && !known.has(name);
      return isPlain ? nearby(name) && `${name} (not ${nearby(name)}?)` : undefined;
    },
    kind: "doubtful",
    effect: "starts %: if there is no such program, it fails",
    hint: "Check its name.",
  },
];

function edits(step: Step): boolean {
  const isSed = program(step) === "sed" && step.words.some((word) => /^-[a-zA-Z]*i|^--in-place/.test(word));
  return isSed || editors.includes(program(step));
}

/** What commands of an install commonly start. */
const known: ReadonlySet<string> = new Set(
  "apt apt-get apt-key apt-mark apt-cache awk base64 bash blkid cat chmod chown chroot chpasswd chsh cloud-init cp crontab curl curtin cut date dd debconf-set-selections dhclient dmsetup dpkg dpkg-reconfigure echo efibootmgr egrep env ethtool export false fdisk find findmnt getent gpasswd gpg gpgv grep groupadd grub-install grub-mkconfig gunzip gzip head hostname hostnamectl ifconfig install journalctl kill ln locale locale-gen logger lsblk lvcreate lvextend lvremove lvs mdadm mkdir mkfs mkswap modprobe mount mountpoint mv netplan nvme parted partprobe passwd pvcreate pvremove python python3 resize2fs rmdir rsync sed setfacl sfdisk sgdisk shred sleep snap sort ssh-import-id ssh-keygen swapoff swapon sync sysctl systemctl systemd-machine-id-setup tail tar tasksel tee test timedatectl touch truncate tune2fs ubuntu-drivers udevadm umount unzip update-grub update-initramfs useradd adduser userdel usermod vgchange vgcreate vgremove vgs wget which wipefs xargs zcat zfs zpool case done else elif esac while until unset then read return shift trap true umask wait exit eval exec local type printf true".split(
    " ",
  ),
);

/** One edit away, of words that are long enough to be far from each other otherwise. */
function nearby(name: string): string | undefined {
  return [...known].find((each) => each.length > 4 && editDistance(name, each) === 1);
}

export const checkCommands: Check = (subject) =>
  commandsOf(subject).flatMap((command) =>
    readCommand(command).steps.flatMap((step) =>
      traps.flatMap((trap) => {
        if (trap.moments !== undefined && !trap.moments.includes(step.moment)) return [];
        const caught = trap.catches(step, subject);
        return caught === undefined ? [] : [sayTrap(step, trap, caught)];
      }),
    ),
  );

function sayTrap(step: Step, { kind, effect, hint }: Trap, caught: string): Finding {
  const { place, moment } = step;
  const message = `${place.name} ${effect.replace("%", () => caught)}`;
  switch (kind) {
    case "fails":
    case "ends-shell": {
      const isFatal = kind === "ends-shell" || decides(step);
      const result = isFatal
        ? consequence[moment]
        : "what it was meant to do is not done, and nothing says so";
      return place.error("COMMAND_WILL_FAIL", `${message}: ${result}`, hint);
    }
    case "wrong":
      return place.error("COMMAND_SUSPECT", message, hint);
    case "doubtful":
      return place.warning("COMMAND_SUSPECT", message, hint);
    default:
      return kind satisfies never;
  }
}
