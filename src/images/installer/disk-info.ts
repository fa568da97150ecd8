/** `.disk/info`: the line by which an ISO says what it is. Pure. */

export type DiskInfo = {
  /** `Ubuntu-Server`, `Ubuntu`, `Debian GNU/Linux`. */
  readonly edition: string;
  /** `22.04.5`. */
  readonly version: string;
  /** `amd64`, as Debian calls it. */
  readonly architecture: string;
};

const architectures = "amd64|arm64|armhf|i386|ppc64el|riscv64|s390x";

/**
 * `Ubuntu-Server 22.04.5 LTS "Jammy Jellyfish" - Release amd64 (20240911)`; what stands between is not relied on.
 * @returns undefined for what is no such line.
 */
export function parseDiskInfo(text: string): DiskInfo | undefined {
  const form = new RegExp(`^(\\S[^"]*?) (\\d+\\.\\d+(?:\\.\\d+)?)(?: [^\\n]*)? (${architectures})(?:\\s|$)`);
  const [, edition, version, architecture] = form.exec(text.trim()) ?? [];
  if (edition === undefined || version === undefined || architecture === undefined) return undefined;
  return { edition, version, architecture };
}
