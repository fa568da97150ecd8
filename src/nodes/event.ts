/** What happened to a node: appended and never changed. Stages are a pure function over these. */
import type { Restart } from "../cluster/config.ts";
import type { Finding } from "../errors.ts";
import type { Inventory } from "../plan/inventory.ts";

/** The part of an event that says what happened; each kind has one meaning. */
export type EventBody =
  | {
      readonly kind: "armed";
      readonly planSha256: string;
      readonly imageId: string;
      readonly deadline: string;
      readonly revision: string;
      /** Absent: a deploy. */
      readonly purpose?: "rescue";
    }
  | { readonly kind: "disarmed" }
  /** Taken out for good, with so many certified host keys revoked. Nothing follows it. */
  | { readonly kind: "retired"; readonly hostKeys: number }
  /** The running system was told to start anew; `reason` says why it is a reboot where a kexec was wanted. */
  | { readonly kind: "restart-requested"; readonly by: Restart; readonly reason?: string }
  /** DHCP or TFTP answered with a boot file. */
  | { readonly kind: "boot-offered"; readonly bootFile: string }
  | { readonly kind: "boot-script-served"; readonly script: "deploy" | "rescue" | "local-disk" }
  /** Its iPXE found less memory than the deploy environment needs, and did not start it. */
  | { readonly kind: "machine-too-small"; readonly memoryMiB: number; readonly requiredMiB: number }
  | { readonly kind: "seed-redeemed"; readonly address: string }
  | { readonly kind: "seed-refused"; readonly address: string; readonly reason: string }
  | { readonly kind: "inventory-received"; readonly inventory: Inventory }
  | { readonly kind: "deploy-refused"; readonly findings: readonly Finding[] }
  | { readonly kind: "step-started"; readonly index: number; readonly total: number; readonly step: string }
  | {
      readonly kind: "step-progress";
      readonly index: number;
      readonly bytes: number;
      readonly totalBytes: number;
      readonly bytesPerSecond: number;
    }
  | { readonly kind: "step-finished"; readonly index: number; readonly seconds: number }
  | {
      readonly kind: "step-failed";
      readonly index: number;
      readonly exitCode: number;
      readonly logTail: string;
    }
  /** What a system's own installer, or cloud-init, says of itself. */
  | ({ readonly kind: "installer-report" } & InstallerReport)
  /** `restart`: how it goes on into its own system. Absent: by a reboot, through its firmware. */
  | { readonly kind: "deployed"; readonly restart?: "kexec" }
  /** The deploy environment answers on ssh and waits for a person; no disk was written. */
  | { readonly kind: "rescue-ready" }
  /** The first ssh login with the cluster's host CA worked: the node runs its own system. */
  | { readonly kind: "system-reached" }
  | { readonly kind: "verify-started"; readonly checks: number }
  | {
      readonly kind: "verify-finished";
      readonly green: number;
      readonly red: number;
      readonly notApplicable: number;
      readonly isReady: boolean;
    }
  /** A place that checks run at was lost on the way: no verdict, the proof is made anew. */
  | { readonly kind: "verify-interrupted"; readonly reason: string }
  | ({ readonly kind: "stage-overdue"; readonly seconds: number } & Whereabouts)
  /** The attempt is over without success: its deadline passed, or its tries are used up. */
  | { readonly kind: "attempt-failed"; readonly cause: Cause }
  /** A request of the node met a defect or a broken part of ours; it was answered with 5xx. */
  | { readonly kind: "server-failed"; readonly request: string; readonly message: string };

/** What a system's own installer does, in the order in which it does it. `cloud-init` runs before it, and in its system again. */
export const installerStages = [
  "cloud-init",
  "preparing",
  "partitioning",
  "copying-system",
  "installing-kernel",
  "configuring",
  "installing-packages",
  "late-commands",
  "copying-logs",
  "restarting",
  "called-home",
] as const;

export type InstallerStage = (typeof installerStages)[number];

/** `text` is in the installer's own words, bounded and on one line; it may be empty. */
export type InstallerReport =
  | { readonly stage: InstallerStage; readonly text: string }
  /** `failure`: what failed, by its name. `isFinal`: the installer gave up; otherwise it may try again. */
  | { readonly failure: string; readonly text: string; readonly isFinal: boolean };

/** Where on its way a node is; the step only where it has a deadline of its own. */
export type Whereabouts = { readonly stage: Stage; readonly step?: string };

/** Why something did not happen, and what to do next. */
export type Cause = { readonly message: string; readonly hint: string };

/** What an attempt is for. A rescue brings the deploy environment up and writes to no disk. */
export type Purpose = "deploy" | "rescue";

export type EventKind = EventBody["kind"];

export type NodeEvent = {
  /** Ascending over the whole database. */
  readonly id: number;
  readonly attempt: number;
  readonly node: string;
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly body: EventBody;
};

/** In the order in which a node passes them. */
export const stages = [
  "armed",
  "shutting-down",
  "network-boot",
  "deploy-environment",
  "deploying",
  "deployed",
  "restarting",
  "verifying",
  "ready",
] as const;

/** `rescue`: the deploy environment waits for a person, where a deploy goes on to `deploying`. */
export type Stage = (typeof stages)[number] | "rescue" | "failed" | "disarmed" | "retired";

/** What `reduce` makes of an attempt's events; stored beside them in the same transaction. */
export type AttemptState = {
  readonly stage: Stage;
  /** ISO 8601, UTC: since when it is in this stage. */
  readonly since: string;
  /** ISO 8601, UTC: when the node itself was last heard of. */
  readonly heardAt: string;
  /** ISO 8601, UTC: until when a disk may be overwritten. */
  readonly deadline: string;
  /** Absent: a deploy. */
  readonly purpose?: "rescue";
  /** How many seed tokens were redeemed. */
  readonly tries: number;
  /** The node reported the deploy done: nothing is written to its disk any more. */
  readonly isDeployed: boolean;
  /** Still on its way; false once it is ready, disarmed or finally failed. */
  readonly isLive: boolean;
  readonly step?: { readonly index: number; readonly total: number; readonly name: string };
  readonly progress?: {
    readonly bytes: number;
    readonly totalBytes: number;
    readonly bytesPerSecond: number;
  };
  /** What the system's own installer said last within the step; the failure while it did not go on after it. */
  readonly installer?: {
    readonly stage?: InstallerStage;
    readonly failure?: { readonly name: string; readonly text: string; readonly isFinal: boolean };
  };
  /** The named cause when the stage is `failed`, or what is overdue or went wrong on the way. */
  readonly cause?: Cause;
};
