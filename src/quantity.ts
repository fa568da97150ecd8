/** Numbers with units as people read and type them: bytes, rates, durations, times. */
import { ImagectlError } from "./errors.ts";

const byteUnits = ["B", "kB", "MB", "GB", "TB"] as const;

/** @returns `512 B`, `1.5 MB`, `342 GB`: SI prefixes, as disks and networks are sold. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < byteUnits.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit > 0 && value < 99.95 ? 1 : 0;
  return `${value.toFixed(digits)} ${byteUnits[unit]}`;
}

/** @returns `4.2 s`, `75 s`, `12 min 5 s`, `2 h 0 min`. */
export function formatSeconds(seconds: number): string {
  if (seconds < 9.95) return `${Math.max(0, seconds).toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 120) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  return minutes < 60
    ? `${minutes} min ${whole % 60} s`
    : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** @param at ISO 8601, UTC. @returns `2026-11-29 14:20 UTC`. */
export function formatMinute(at: string): string {
  return `${at.slice(0, 16).replace("T", " ")} UTC`;
}

/** @returns `1 node`, `3 nodes`. */
export function formatCount(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

const secondsPerUnit: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/**
 * Reads a duration as people type it: `90s`, `30m`, `2h`, `1d`.
 * @returns seconds, at least 1.
 * @throws ImagectlError USAGE for anything else.
 */
export function parseDuration(text: string): number {
  const match = /^([1-9][0-9]{0,5})([smhd])$/.exec(text);
  if (match?.[1] === undefined || match[2] === undefined) {
    throw new ImagectlError("USAGE", `not a duration: ${text}`, {
      hint: "Write a number and a unit: 90s, 30m, 2h or 1d.",
    });
  }
  return Number(match[1]) * (secondsPerUnit[match[2]] as number);
}
