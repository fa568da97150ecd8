/** What a check looks at: the document, how it reaches the installer, and the machine that it is meant for. */
import type { Finding } from "../../errors.ts";
import type { YamlFile } from "../../yaml-file.ts";
import type { Machine } from "./machine.ts";
import { isMap, type Place, placeIn } from "./place.ts";

export const releases = ["22.04", "24.04", "26.04"] as const;
export type Release = (typeof releases)[number];

export const firmwares = ["uefi", "bios"] as const;
export type Firmware = (typeof firmwares)[number];

export type Aim = {
  readonly release: Release;
  /** undefined when either must do. */
  readonly firmware?: Firmware;
  /** undefined when nothing is known of it. */
  readonly machine?: Machine;
};

/** `cloud-config` is user-data for cloud-init; `plain` is /autoinstall.yaml on the medium or in the session. */
export type Delivery = "cloud-config" | "plain";

export type Subject = Aim & {
  readonly delivery: Delivery;
  /** Everything that the file holds. */
  readonly whole: Place;
  /** What the installer takes as its own: below `autoinstall:`, or the whole file. */
  readonly autoinstall: Place;
};

/** One check: pure, and its findings stand in the order of the file or not, as they like. */
export type Check = (subject: Subject) => Finding[];

/** A first line that cloud-init takes for its own. Source: cloud-init 25.1, `INCLUSION_TYPES_MAP`. */
export const cloudConfigHeader = "#cloud-config";

/** @param text what `file` was read from: the header is a comment, and so no part of its values. */
export function makeSubject(file: YamlFile, text: string, aim: Aim): Subject {
  const delivery = isCloudConfig(text) ? "cloud-config" : "plain";
  const isWrapped = isMap(file.value) && Object.hasOwn(file.value, "autoinstall");
  return {
    ...aim,
    delivery,
    whole: placeIn(file, []),
    autoinstall: placeIn(file, isWrapped ? ["autoinstall"] : []),
  };
}

/** With a template the header is the second line. */
function isCloudConfig(text: string): boolean {
  const [first = "", second = ""] = text.split("\n", 2);
  return (first.startsWith("## template:") ? second : first).trimEnd() === cloudConfigHeader;
}
