/** What the operator API answers: the contract between `imagectl serve` and the other commands. */
import type { DiskPolicy, Method, Restart } from "../cluster/config.ts";
import type { Finding } from "../errors.ts";
import type { Attempt } from "../nodes/attempts.ts";
import type { NodeEvent } from "../nodes/event.ts";
import type { Retirement } from "../nodes/retire.ts";
import type { FoundChange } from "../plan/apply-report.ts";
import type { PlanDifference } from "../plan/compare.ts";
import type { CheckResult, Report } from "../verify/report.ts";

/** GET /status. */
export type ServerStatus = {
  readonly pid: number;
  readonly clusterFile: string;
  readonly interface: string;
  readonly address: string;
};

/** POST /arm. */
export type ArmRequestBody = {
  readonly nodes: readonly string[];
  readonly deadlineSeconds: number;
};

export type ArmAnswer = {
  readonly node: string;
  /** False: it had a live attempt already, which is shown. */
  readonly isNew: boolean;
  readonly attempt: Attempt;
  readonly image: { readonly id: string; readonly os: string; readonly createdAt: string };
};

/** POST /reinstall. */
export type ReinstallRequestBody = {
  readonly nodes: readonly string[];
  readonly deadlineSeconds: number;
  /** Says what would happen, and changes nothing. */
  readonly isDryRun: boolean;
};

export type ReinstallAnswer = {
  readonly node: string;
  readonly image: { readonly id: string; readonly os: string; readonly createdAt: string };
  /** What is on its disk now, as far as is known here. */
  readonly installed?: { readonly os: string; readonly imageId: string; readonly since: string };
  readonly disk: DiskPolicy;
  readonly restart: Restart;
  /** Absent in a dry run. */
  readonly attempt?: Attempt;
  /** Why the node could not be told to restart; it is disarmed again. */
  readonly problem?: string;
};

/** POST /rescue. */
export type RescueRequestBody = {
  readonly nodes: readonly string[];
  readonly deadlineSeconds: number;
  /** Restart the running systems, instead of waiting for the next start. */
  readonly isNow: boolean;
};

export type RescueAnswer = { readonly node: string; readonly attempt: Attempt; readonly problem?: string };

/** POST /disarm. */
export type DisarmRequestBody = { readonly nodes: readonly string[] };
export type DisarmAnswer = { readonly node: string; readonly attempt: Attempt };

/** POST /retire. */
export type RetireAnswer = Retirement & {
  readonly node: string;
  /** Where the server's own ssh finds the revoked keys. */
  readonly knownHostsFile: string;
};

/** GET /nodes: the nodes of the cluster file, and those that only the database knows. */
export type NodeView = {
  readonly node: string;
  /** Undefined: it is not in the cluster file (any more). */
  readonly group: string | undefined;
  readonly address: string;
  /** Its newest attempt; undefined: it was never armed. */
  readonly attempt: Attempt | undefined;
  /** Its disk holds a finished system that we put there, whatever it is doing now. */
  readonly hasSystem: boolean;
};

/** GET /targets: what names on a command line can mean, from the cluster file as it is now. */
export type TargetList = {
  readonly nodes: readonly NodeView[];
  readonly groups: readonly { readonly name: string; readonly method: Method }[];
};

/**
 * GET /watch: one JSON document per line. First each node as it is, with the `last` thing that happened to it;
 * from then on each new `event` with the attempt after it.
 */
export type WatchLine = {
  readonly attempt: Attempt;
  readonly last?: NodeEvent;
  readonly event?: NodeEvent;
};

/** POST /nodes/NODE/apply: one JSON document per line. */
export type ApplyLine =
  | { readonly kind: "line"; readonly text: string }
  | {
      readonly kind: "done";
      readonly exitCode: number;
      /** The image layer of the node's plan is not the one that it was installed with. */
      readonly isReinstallNeeded: boolean;
    };

/** What differs on a node, with the role that owns it. */
export type FoundOnNode = FoundChange & { readonly role: string | undefined };

/** POST /nodes/NODE/diff. All three empty: the node is what the cluster file says. */
export type NodeDiff = {
  readonly node: string;
  /** Node layer: what `apply` would change. */
  readonly due: readonly FoundOnNode[];
  /** Image layer: what differs between the plan it was installed with and today's. */
  readonly reinstall: readonly PlanDifference[];
  /** Image layer: what differs on the node from what was installed. */
  readonly drift: readonly FoundOnNode[];
};

/** GET /images/needed: images that nodes hold on to. */
export type NeededImage = {
  readonly imageId: string;
  readonly node: string;
  readonly reason: "live" | "installed";
};

/** POST /nodes/NODE/verify: one JSON document per line; the report comes last. */
export type VerifyLine =
  | { readonly kind: "result"; readonly result: CheckResult }
  | { readonly kind: "report"; readonly report: Report };

/** Every answer that is not 2xx, and the last line of a stream that broke off. */
export type ErrorBody = {
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly hint: string;
    readonly findings: readonly Finding[];
  };
};
