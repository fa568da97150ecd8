/** A minimal root filesystem to apply overlays in: made once, never written to, and fresh for each test. */
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { digestOf } from "../../src/digest.ts";
import { buildOverlay, type NamedLayer } from "../../src/plan/overlay.ts";
import type { PlannedFile } from "../../src/plan/plan.ts";
import { anyExitCode, type RunResult, run } from "../../src/run.ts";

export type ApplyRoot = {
  /** `imagectl/apply` with these options, in a chroot with namespaces of its own and no network. */
  apply(layer: NamedLayer, options?: ApplyOptions): Promise<RunResult>;
  /** POSIX sh as root in the same kind of chroot. */
  run(script: string): Promise<RunResult>;
  /** Every file, link and folder with mode, owner and digest: what "nothing changed" means. */
  tree(): Promise<string>;
};

export type ApplyOptions = {
  readonly words?: readonly string[];
  /** Everything is killed after this time. Milliseconds. */
  readonly killAfterMs?: number;
};

/**
 * Makes the lower layer with mmdebstrap where the cache has none for these packages.
 * @returns its folder.
 */
export async function makeMinimalRoot(cache: string, packages: readonly string[]): Promise<string> {
  const key = digestOf({ suite: "bookworm", packages });
  const folder = join(cache, "apply-roots", key);
  if (existsSync(folder)) return folder;
  const partial = `${folder}.${process.pid}`;
  mkdirSync(join(cache, "apply-roots"), { recursive: true });
  try {
    await run("mmdebstrap", [
      ...["--variant=minbase", "--format=directory", `--include=${packages.join(",")}`, "--quiet"],
      ...["--skip=cleanup/apt", "bookworm", partial],
    ]);
    renameSync(partial, folder);
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
  return folder;
}

/** What is in RAM on a machine is in RAM here: a process that is killed leaves nothing of it in the tree. */
const enterRoot = `
mount --make-rprivate /
mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" "$2/root"
cd "$2/root"
shift 2
mount -t proc proc proc
mount --bind /dev dev
for folder in run tmp var/tmp; do mount -t tmpfs tmpfs $folder; done
ip link set lo up
cat >run/input
mkdir run/overlay
if [ "$1" = apply ]; then
  tar -x -f run/input -C run/overlay
  shift
  set -- /run/overlay/imagectl/apply "$@"
else
  set -- sh /run/input
fi
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot . "$@" </dev/null
`;

/** @param folder an empty one: what is written in the root goes there. */
export async function openApplyRoot(lower: string, folder: string): Promise<ApplyRoot> {
  await run("mkdir", ["-p", ...["upper", "work", "root"].map((name) => join(folder, name))]);
  const enter = (words: readonly string[], input: string | Uint8Array, killAfterMs?: number) => {
    const spaces = ["--mount", "--pid", "--net", "--ipc", "--uts", "--fork", "--kill-child"];
    // timeout(1) with KILL ends by KILL itself: the shell makes an exit code of it.
    const limit = ["sh", "-c", 'timeout -s KILL "$0" "$@"; exit $?', String((killAfterMs ?? 0) / 1000)];
    const line = [...limit, "unshare", ...spaces, "sh", "-euc", enterRoot, "sh", lower, folder, ...words];
    return run(line[0] as string, line.slice(1), { input, okExitCodes: anyExitCode, timeoutMs: 120_000 });
  };
  const runScript = (script: string): Promise<RunResult> => enter(["run"], script);
  return {
    apply: async (layer, { words = [], killAfterMs } = {}) =>
      enter(["apply", ...words], await buildOverlay(layer), killAfterMs),
    run: runScript,
    tree: async () => {
      const { stdout } = await runScript(`
        find / -xdev -printf '%p %M %U:%G %l\\n' | sort
        find /etc /home /opt /root /srv /usr/lib/imagectl /usr/share/pam-configs /var/lib/imagectl /var/log -xdev -type f -print0 |
          sort -z | xargs -0 sha256sum
      `);
      return stdout;
    },
  };
}

/** A file of a role of the tests. */
export const file = (path: string, content: string, more: Partial<PlannedFile> = {}): PlannedFile => ({
  path,
  content,
  mode: 0o644,
  owner: "root",
  group: "root",
  role: "sample",
  ...more,
});

/** A layer with these files and nothing else. */
export const layerOf = (files: readonly PlannedFile[], more: Partial<NamedLayer> = {}): NamedLayer => ({
  name: "node",
  files,
  commands: [],
  services: [],
  validators: [],
  ...more,
});

/** What an apply answers that finds everything as it should be. */
export const nothing = { exitCode: 0, stdout: "nothing to change\n" };
