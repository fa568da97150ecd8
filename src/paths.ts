/** Where imagectl keeps things. One function, so that a test or the demo can have everything elsewhere. */
import { join } from "node:path";

export type StatePaths = {
  /** SQLite database of attempts and events. */
  readonly database: string;
  /** Content-addressed images. World-readable: nothing in it is secret. */
  readonly store: string;
  /** Private keys: host CA, agent key, manifest key. Mode 0700. */
  readonly keys: string;
  /** Values that roles' files take in when they go to a node: of the cluster, and in a folder per node. Mode 0700. */
  readonly secrets: string;
  /** Sources of packages beside this machine's own, as in /etc/apt/sources.list.d: mirrors of systems that it is not. */
  readonly aptSources: string;
  /** Unix socket of the operator API. */
  readonly operatorSocket: string;
};

/**
 * @param environment reads IMAGECTL_STATE (default /var/lib/imagectl) and IMAGECTL_RUN (default /run/imagectl).
 */
export function statePaths(environment: Readonly<Record<string, string | undefined>>): StatePaths {
  const state = environment.IMAGECTL_STATE ?? "/var/lib/imagectl";
  const runtime = environment.IMAGECTL_RUN ?? "/run/imagectl";
  return {
    database: join(state, "imagectl.sqlite"),
    store: join(state, "store"),
    keys: join(state, "keys"),
    secrets: join(state, "secrets"),
    aptSources: join(state, "sources.list.d"),
    operatorSocket: join(runtime, "operator.sock"),
  };
}

/** Downloads and chroots that can be thrown away. XDG Base Directory Specification; IMAGECTL_CACHE overrides. */
export function cacheDirectory(environment: Readonly<Record<string, string | undefined>>): string {
  if (environment.IMAGECTL_CACHE !== undefined) return environment.IMAGECTL_CACHE;
  return join(environment.XDG_CACHE_HOME ?? join(environment.HOME ?? "/root", ".cache"), "imagectl");
}

/** The root of the installed package: where templates/, bin/ and src/ lie. */
export const packageRoot = join(import.meta.dirname, "..");

/** A page of docs/, for messages: whoever reads them stands in another folder. In the package it is a link. */
export function pageFile(name: string): string {
  return join(packageRoot, "docs", name);
}
