/** The door to the cluster file on disk. */
import { readFile } from "node:fs/promises";
import { ImagectlError } from "../errors.ts";
import { type ParsedCluster, parseCluster } from "./parse.ts";

/**
 * Reads and checks a cluster file.
 * @throws ImagectlError CLUSTER_UNREADABLE when there is no such file or it may not be read.
 */
export async function readClusterFile(path: string): Promise<ParsedCluster> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw new ImagectlError("CLUSTER_UNREADABLE", `cannot read the cluster file ${path}: ${error.message}`, {
      hint: "Name it on the command line, or set IMAGECTL_CLUSTER. A sample to start from: examples/cluster.yaml",
      cause: error,
    });
  });
  return parseCluster(text, path);
}
