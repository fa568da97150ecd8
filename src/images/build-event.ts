/** What a build says while it runs, for people and for programs. Pure. */
import { formatMinute, formatSeconds } from "../quantity.ts";

export type BuildEvent =
  | { readonly kind: "build-started"; readonly image: string; readonly reason: string }
  | {
      readonly kind: "step-started";
      readonly image: string;
      readonly index: number;
      readonly total: number;
      readonly step: string;
    }
  /** Of a step that takes long; so far. */
  | {
      readonly kind: "step-progress";
      readonly image: string;
      readonly index: number;
      readonly total: number;
      readonly step: string;
      readonly percent: number;
    }
  | {
      readonly kind: "step-finished";
      readonly image: string;
      readonly index: number;
      readonly total: number;
      readonly step: string;
      readonly seconds: number;
      /** What came of it: `184 packages, 165.3 MB`. */
      readonly result?: string;
    }
  | { readonly kind: "up-to-date"; readonly image: string; readonly id: string; readonly createdAt: string }
  | {
      readonly kind: "published";
      readonly image: string;
      readonly id: string;
      readonly bytes: number;
      readonly seconds: number;
    };

/** @returns one line without its end; undefined for what a finished line says anyway. */
export function describeBuildEvent(event: BuildEvent): string | undefined {
  switch (event.kind) {
    case "build-started":
      return `${event.image}: ${event.reason}`;
    case "step-started":
    case "step-progress":
      return undefined;
    case "step-finished":
      return stepLine(event, event.seconds, event.result);
    case "up-to-date":
      return `${event.image}: up to date, image ${event.id.slice(0, 12)} of ${formatMinute(event.createdAt)}`;
    case "published":
      return `${event.image}: published image ${event.id.slice(0, 12)} after ${formatSeconds(event.seconds)}`;
    default:
      return event satisfies never;
  }
}

/** The line of a step, while it runs and when it has finished. */
export function stepLine(
  step: { readonly index: number; readonly total: number; readonly step: string },
  seconds: number,
  result = "",
): string {
  const place = `${String(step.index).padStart(3)}/${step.total}`;
  return `${place}  ${step.step.padEnd(34)} ${formatSeconds(seconds).padStart(8)}  ${result}`.trimEnd();
}
