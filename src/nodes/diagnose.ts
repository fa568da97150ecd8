/** What should have happened by now and did not: a deadline per stage, with the named cause and the next action. */
import type { AttemptState, Cause, Stage, Whereabouts } from "./event.ts";

/** Seconds in a stage without a sign of the node, and what it means when they are over. */
type StageDeadline = { readonly seconds: number; readonly message: string; readonly hint: string };

const stageDeadlines: Readonly<Partial<Record<Stage, StageDeadline>>> = {
  /** Power-on to the first DHCP request: the POST of a server with 2 TB of RAM takes up to five minutes. */
  armed: {
    seconds: 300,
    message: "network-boot: nothing was heard after arming",
    hint: "Is the node powered on, does it boot from the network, is its MAC right, is it on this interface? Look with: tcpdump -ni INTERFACE port 67",
  },
  /** Services get 90 s to stop (systemd's DefaultTimeoutStopSec), then comes a POST of up to five minutes. */
  "shutting-down": {
    seconds: 420,
    message: "network-boot: the node was told to start anew and did not come back",
    hint: "Look at its console: did it hang in the shutdown, or in the kernel that kexec started? Power-cycle it (imagectl cannot): it boots from the network and goes on.",
  },
  /** Loader, kernel and initrd are about 100 MB: a second at 10 GbE, two minutes at 10 Mbit/s of a slow ROM's TFTP. */
  "network-boot": {
    seconds: 300,
    message: "deploy-environment: the node took its boot file but did not call back",
    hint: "Look at its console: does the kernel start, does it find its network card? Are ports 8080 and 8081 of the bastion open to it?",
  },
  /** Reading hardware takes seconds; a switch port with spanning tree and no PortFast forwards after 50 s. */
  "deploy-environment": {
    seconds: 120,
    message: "deploying: the deploy environment runs but started no step",
    hint: "Look at its console: it says what it waits for.",
  },
  /** The agent reports progress every few seconds; the longest silent step writes a bootloader or wipes a disk. */
  deploying: {
    seconds: 300,
    message: "deploying: no progress was reported",
    hint: "Look at its console. A dying disk or a lost link stalls a step; power-cycle the node for another try.",
  },
  /** Shutdown and POST until the firmware asks for its boot file: as for `armed`. */
  deployed: {
    seconds: 420,
    message: "restarting: the node is deployed, but it neither asked what to boot nor answered on ssh",
    hint: "Look at its console. If it hangs in the reboot or the kexec, power-cycle it (imagectl cannot); its disk is complete.",
  },
  /** From the firmware's loader to an sshd that answers: 40 s natively, 90 s emulated; 4 x that. */
  restarting: {
    seconds: 420,
    message: "verifying: the installed system did not answer on ssh with a host key that our CA signed",
    hint: "Look at its console: does the boot loader find the disk, is the address right? Then: imagectl verify NODE",
  },
  /** All checks together; each has its own timeout. */
  verifying: {
    seconds: 900,
    message: "ready: the acceptance checks do not come to an end",
    hint: "Is the node still reachable? ssh to it, then: imagectl verify NODE",
  },
};

/**
 * A system's own installer says nothing between its turns: a whole system comes by its mirror in one of them. 38 minutes
 * for all of it were measured emulated, a third of that in its longest turn.
 */
const installerDeadline: StageDeadline = {
  seconds: 1800,
  message: "deploying: the system's own installer did not come to its next turn",
  hint: "Look at its console (Alt+F4: its log): it shows what failed, or asks what nobody answered. Does its mirror answer?",
};

/** One step from the first partition to the last package, of which it reports a few stages: 10 minutes for the longest were recorded emulated. */
const installerSystemDeadline: StageDeadline = {
  seconds: 1800,
  message: "deploying: the system's own installer reported no further stage",
  hint: "How far it came: imagectl events NODE. Look at its console, and there into /var/log/installer. Does its mirror answer?",
};

/** What an installer's start is called: its kernel, its parts or its whole ISO come, and nothing of ours runs yet. */
const installerStart = "installer-start";

function whereaboutsOf({ stage, step }: AttemptState, isInstaller: boolean): Whereabouts {
  if (isInstaller && isBeforeSteps(stage)) return { stage, step: installerStart };
  const isInstalling = stage === "deploying" && step?.name.startsWith("installer-") === true;
  return isInstalling ? { stage, step: step.name } : { stage };
}

function isBeforeSteps(stage: Stage): boolean {
  return stage === "network-boot" || stage === "deploy-environment";
}

function deadlineOf({ stage, step }: Whereabouts): StageDeadline | undefined {
  if (step === undefined) return stageDeadlines[stage];
  return step === "installer-system" ? installerSystemDeadline : installerDeadline;
}

/** How long after the deploy a node may need for its first boot when the deadline is already past. Seconds. */
export const restartGraceSeconds = 3600;

/** How far the bastion's clock may be corrected before its deadlines mean nothing any more. Seconds. Our choice. */
const clockToleranceSeconds = 3600;
/** A deadline that passed so long ago is worth a look at the clock. Seconds. */
const lateSeconds = 86_400;

export type Diagnosis =
  /** Negative seconds: by so many the clock was set back. */
  | ({ readonly kind: "overdue"; readonly seconds: number; readonly cause: Cause } & Whereabouts)
  /** The time of a rescue is over: the next network boot leads to the node's own disk again. */
  | { readonly kind: "rescue-over"; readonly cause: Cause }
  /** The attempt is to be ended: its deadline passed before the node got through. */
  | { readonly kind: "expired"; readonly cause: Cause };

/**
 * @param now the time of the question; the clock may have jumped since the last one.
 * @param isInstaller whether the attempt boots a system's own installer; asked where that matters.
 * @returns undefined while all is in time, when it was already said, or when the attempt is over.
 */
export function diagnose(
  state: AttemptState,
  now: Date,
  isInstaller: () => boolean = () => false,
): Diagnosis | undefined {
  if (!state.isLive) return undefined;
  const backSeconds = Math.floor((Date.parse(state.heardAt) - now.getTime()) / 1000);
  if (backSeconds >= clockToleranceSeconds) return clockWentBack(state, backSeconds);
  if (isExpired(state, now) && state.purpose === "rescue") return { kind: "rescue-over", cause: rescueOver };
  if (isExpired(state, now)) return { kind: "expired", cause: expiredCause(state, now) };
  const seconds = Math.floor((now.getTime() - Date.parse(state.heardAt)) / 1000);
  const isLate = (whereabouts: Whereabouts): boolean =>
    seconds >= (deadlineOf(whereabouts)?.seconds ?? Infinity);
  if (state.cause !== undefined || !isLate(whereaboutsOf(state, false))) return undefined;
  const whereabouts = whereaboutsOf(state, isBeforeSteps(state.stage) && isInstaller());
  if (!isLate(whereabouts)) return undefined;
  return { kind: "overdue", ...whereabouts, seconds, cause: overdueCause(whereabouts, seconds) };
}

const rescueOver: Cause = {
  message: "the time of the rescue is over: the next start is from its own disk",
  hint: "Restart it when you are done there. For more time: imagectl rescue NODE --deadline 4h",
};

/** Until when a disk may be overwritten; a node that is deployed by then gets the time to start. */
function isExpired(state: AttemptState, now: Date): boolean {
  if (now.getTime() < Date.parse(state.deadline)) return false;
  if (!state.isDeployed) return true;
  return now.getTime() - Date.parse(state.heardAt) >= restartGraceSeconds * 1000;
}

/** A deadline of years would leave a disk open for years; a node that is deployed is only waited for. */
function clockWentBack(state: AttemptState, backSeconds: number): Diagnosis | undefined {
  const { stage } = state;
  if (!state.isDeployed) return { kind: "expired", cause: clockCause(stage, backSeconds) };
  if (state.cause !== undefined) return undefined;
  return { kind: "overdue", stage, seconds: -backSeconds, cause: clockCause(stage, backSeconds) };
}

function clockCause(stage: Stage, backSeconds: number): Cause {
  return {
    message: `the bastion's clock was set back by ${backSeconds} s in the stage ${stage}: no deadline can be kept`,
    hint: "See that it is right now: timedatectl. Then: imagectl arm NODE; if its disk is complete, imagectl verify NODE",
  };
}

/** The cause in words; the same for the diagnosis and for the stored event, so that a log reads alike forever. */
export function overdueCause(whereabouts: Whereabouts, seconds: number): Cause {
  const { stage } = whereabouts;
  if (seconds < 0) return clockCause(stage, -seconds);
  const deadline = deadlineOf(whereabouts);
  if (deadline === undefined)
    return { message: `${stage} takes long (${seconds} s)`, hint: "imagectl events NODE" };
  return { message: `${deadline.message} for ${seconds} s`, hint: deadline.hint };
}

function expiredCause(state: AttemptState, now: Date): Cause {
  const late = Math.floor((now.getTime() - Date.parse(state.deadline)) / 1000);
  const clock =
    late < lateSeconds
      ? ""
      : `, ${Math.floor(late / 86_400)} days ago by the bastion's clock: is ${now.toISOString()} right?`;
  const reached = `${clock}${state.cause === undefined ? "" : `; last known: ${state.cause.message}`}`;
  return state.isDeployed
    ? {
        message: `the deadline passed in the stage ${state.stage}${reached}`,
        hint: "Its disk is complete. When the node answers: imagectl verify NODE",
      }
    : {
        message: `the deadline passed in the stage ${state.stage}${reached}`,
        hint: "Nothing is written to its disk any more. For a new attempt: imagectl arm NODE --deadline 4h",
      };
}
