/** Whether a confirmation proves that the operator still gets in: only a login that began after the change does. Pure. */

/** A process above the one that confirms. */
export type Ancestor = {
  readonly name: string;
  /** When it began. Seconds of uptime. */
  readonly startedAt: number;
  /** Where its ssh connection comes from: the first word of its SSH_CONNECTION. */
  readonly clientAddress: string | undefined;
};

export type Claim = {
  /** Since when a change waits. Seconds of uptime; undefined: none does. */
  readonly waitingSince: number | undefined;
  /** The nearest first. */
  readonly ancestors: readonly Ancestor[];
  /** Of every interface. */
  readonly ownAddresses: readonly string[];
  /** What standard input is, such as /dev/pts/0. */
  readonly terminal: string | undefined;
  /** The operator says that he stands before the machine. */
  readonly isAtConsole: boolean;
};

export type Verdict =
  | { readonly kind: "accepted" }
  | { readonly kind: "nothing-waits" }
  | { readonly kind: "refused"; readonly reason: string; readonly hint: string };

/** Linux's own names of consoles; a terminal of ssh, tmux or screen is /dev/pts/N. */
const consolePattern = /^\/dev\/(tty[0-9]+|ttyS[0-9]+|ttyAMA[0-9]+|hvc[0-9]+|console)$/;

/** OpenSSH 9.8 gave each connection a program of its own, sshd-session. */
const connectionName = /^sshd(-session)?$/;

const anew = "Log in anew from where you usually come, and there: sudo imagectl confirm";

/**
 * A session that was open before goes on through any firewall, and so do those that are opened within it: tmux,
 * screen, a shared ssh connection. One from the bastion itself passes no firewall at all.
 */
export function judgeConfirmation(claim: Claim): Verdict {
  const { waitingSince, ancestors, ownAddresses, terminal, isAtConsole } = claim;
  if (waitingSince === undefined) return { kind: "nothing-waits" };
  if (isAtConsole) return judgeConsole(terminal);
  const session = ancestors.findIndex(({ name }) => connectionName.test(name));
  const login = ancestors[session];
  if (login === undefined) {
    const reason =
      "this is no ssh login: what runs in tmux, screen or a service may be older than the change";
    return {
      kind: "refused",
      reason,
      hint: `${anew}. Before the machine itself: imagectl confirm --console`,
    };
  }
  if (login.startedAt <= waitingSince) {
    return {
      kind: "refused",
      reason: "this login is older than the change, so it proves nothing",
      hint: anew,
    };
  }
  const from = ancestors.slice(0, session).find(({ clientAddress }) => clientAddress !== undefined);
  const address = from?.clientAddress;
  if (address === undefined || address.startsWith("127.") || ["::1", ...ownAddresses].includes(address)) {
    const reason = `this login comes from ${address ?? "nowhere that is known"}, not from another machine`;
    return { kind: "refused", reason, hint: anew };
  }
  return { kind: "accepted" };
}

function judgeConsole(terminal: string | undefined): Verdict {
  if (terminal !== undefined && consolePattern.test(terminal)) return { kind: "accepted" };
  const reason = `${terminal ?? "standard input"} is no console of this machine`;
  return { kind: "refused", reason, hint: anew };
}
