/** Building for real: mmdebstrap, apt and dpkg in namespaces; interrupted, repeated, and on a machine of another name. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { BuildEvent } from "../../src/images/build-event.ts";
import { openScratch } from "../../src/lab/scratch.ts";
import { statePaths } from "../../src/paths.ts";
import { anyExitCode, type RunResult, run, start } from "../../src/run.ts";
import { shellLine } from "../../src/shell.ts";
import type { Image } from "../../src/store/manifest.ts";
import { openStore } from "../../src/store/store.ts";
import { cache, ensureImage, imagectl, testState } from "../support/image.ts";
import { type LabCluster, makeLabCluster, wholeCluster } from "../support/lab-cluster.ts";

/** Words that are nowhere in a package, so that finding one in an image means that it leaked. */
const canary = {
  hostname: "canary-build-host",
  domain: "canary-domain.example",
  nameserver: "192.0.2.53",
  proxy: "http://canary-proxy.example:3128",
};

const scratch = openScratch({ cache, pid: process.pid });
/** A cache without any root, but with every .deb: what comes from it is built, and nothing is downloaded. */
const freshCache = scratch.folder("cache");
const state = scratch.folder("state");
let cluster: LabCluster;
/** The image that all tests use, and its root's digest. */
let original: Image;
let originalRoot: string;
let publishedBefore: string[];

const environment = { IMAGECTL_STATE: state, IMAGECTL_CACHE: freshCache };
const store = openStore(statePaths(environment).store);
const buildWords = () => ["build", "--os", "debian-12", "--cluster", cluster.file, "--json"];
const rootOf = (image: Image) =>
  image.manifest.artefacts.find(({ name }) => name === "root.tar.zst")?.sha256 ?? "";
const publishedIds = async () => (await store.list()).images.map(({ id }) => id).sort();
const eventsOf = (build: RunResult): BuildEvent[] =>
  build.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
beforeAll(async () => {
  cluster = await makeLabCluster(scratch.folder("cluster"));
  await ensureImage(cluster.file, wholeCluster.os);
  // The same store without its root: the lock is there, the image must be built again.
  await run("cp", ["-a", `${testState}/.`, state]);
  await run("cp", ["-al", join(cache, "debs"), freshCache]);
  // Finding it up to date says which one it is: the tests' store may hold older ones.
  original = await goldenImageOf(await run(imagectl, buildWords(), { env: environment }));
  originalRoot = rootOf(original);
  rmSync(store.blobPath(originalRoot));
  publishedBefore = await publishedIds();
}, 25 * 60_000);

afterAll(() => scratch.close());

/** @returns the golden image that a build published or found up to date. */
async function goldenImageOf(build: RunResult): Promise<Image> {
  const event = eventsOf(build).findLast(({ kind }) => kind === "published" || kind === "up-to-date");
  if (event === undefined || !("id" in event)) throw new Error(`no image:\n${build.stdout}${build.stderr}`);
  return store.show(event.id);
}

/** Starts a build as an operator would, and reports each event. */
function startBuild(onEvent: (event: BuildEvent) => void) {
  const said: string[] = [];
  const build = start(imagectl, buildWords(), {
    env: environment,
    onLine: (line) => {
      said.push(line);
      if (line.startsWith("{")) onEvent(JSON.parse(line));
    },
  });
  return { ...build, said };
}

/** @returns when packages are being installed into a root. */
async function startInstalling(): Promise<ReturnType<typeof startBuild>> {
  const installing = Promise.withResolvers<void>();
  const build = startBuild((event) => {
    if (event.kind === "step-started" && /^install /.test(event.step)) installing.resolve();
  });
  const ended = build.exited.then(() => {
    throw new Error(`the build ended early:\n${build.said.join("\n")}`);
  });
  await Promise.race([installing.promise, ended]);
  // Long enough for mmdebstrap to have mounted /proc and to run dpkg.
  await waitUntil(() => commandLines().some((line) => line.includes("dpkg")), 60_000);
  ended.catch(() => {});
  return build;
}

/** Command lines of all processes that name our scratch folder. */
function commandLines(): string[] {
  const pids = readdirSync("/proc").filter((name) => /^[0-9]+$/.test(name));
  const lines = pids.map((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
    } catch {
      return ""; // it has ended since
    }
  });
  return lines.filter((line) => line.includes(freshCache));
}

async function waitUntil(isTrue: () => boolean, timeoutMs: number): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!isTrue()) {
    if (Date.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${isTrue}`);
    await sleep(100);
  }
}

const mountsOfBuilds = () =>
  readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .filter((line) => line.includes(freshCache));

describe("an interrupted build publishes nothing", () => {
  test("Ctrl-C ends it at once and leaves nothing; meanwhile a second build is refused", async () => {
    const build = await startInstalling();
    const second = await run(imagectl, buildWords(), { env: environment, okExitCodes: anyExitCode });
    expect(second.exitCode).toBe(1);
    expect(second.stderr).toContain("[BUILD_BUSY]");

    const stoppedAt = Date.now();
    build.stop("SIGINT");
    expect(await build.exited).toMatchObject({ exitCode: 130 });
    expect(Date.now() - stoppedAt).toBeLessThan(10_000);
    await waitUntil(() => commandLines().length === 0, 5_000);
    expect(existsSync(join(freshCache, "builds"))).toBe(false);
    expect(mountsOfBuilds()).toEqual([]);
    expect(await publishedIds()).toEqual(publishedBefore);
  }, 240_000);

  test("kill -9 takes every program of it along; what lies around is removed by the next build", async () => {
    const build = await startInstalling();
    build.stop("SIGKILL");
    expect(await build.exited).toMatchObject({ signal: "SIGKILL" });
    await waitUntil(() => commandLines().length === 0, 5_000);
    expect(mountsOfBuilds()).toEqual([]);
    expect(await publishedIds()).toEqual(publishedBefore);
    expect(existsSync(join(freshCache, "builds", String(build.pid)))).toBe(true);
  }, 240_000);
});

/** A cache on a disk of its own that is filled up as soon as a file is there in the root that is being made. */
const buildOnFullDisk = `
small=$1 debs=$2 sign=$3
shift 3
truncate -s 4G "$small.img"
mke2fs -q -t ext4 -m 0 -E lazy_itable_init=1,nodiscard "$small.img"
mount -o loop "$small.img" "$small"
mkdir "$small/debs"
mount --bind "$debs" "$small/debs"
(
  until ls -d "$small"/builds/*/*/root$sign >/dev/null 2>&1; do sleep 0.02; done
  fallocate -l "$(($(stat -f -c '%a*%S' "$small") - 8388608))" "$small/filler"
  dd if=/dev/zero of="$small/rest" bs=4k 2>/dev/null || true
) &
IMAGECTL_CACHE=$small "$@" && code=0 || code=$?
wait
ls "$small"
exit "$code"
`;

test.each([
  ["before apt-get has its folders, which it then calls missing,", "/var/lib/apt/lists/*_Packages"],
  ["while packages are being unpacked", "/var/lib/dpkg/status"],
])(
  "a disk that fills up %s is named; nothing is published, and no half of a root takes its room",
  async (_when, sign) => {
    const small = scratch.folder("small-cache");
    const words = ["--mount", "sh", "-euc", buildOnFullDisk, "sh", small, join(freshCache, "debs"), sign];
    const build = await run("unshare", [...words, imagectl, ...buildWords()], {
      env: environment,
      okExitCodes: anyExitCode,
      timeoutMs: 120_000,
    });
    expect(build.exitCode, build.stderr).toBe(1);
    expect(build.stderr).toContain(`the disk under ${small} is full: the build ended and published nothing`);
    expect(build.stderr).toContain("imagectl images prune");
    expect(build.stdout.split("\n")).toContain("filler");
    expect(build.stdout.split("\n")).not.toContain("builds");
    expect(await publishedIds()).toEqual(publishedBefore);
  },
  240_000,
);

/** Runs the build on a machine that calls itself otherwise: own host name, hosts, resolver and environment. */
async function buildAsCanary(): Promise<RunResult> {
  const folder = scratch.folder("etc");
  const files = {
    hostname: `${canary.hostname}\n`,
    hosts: `127.0.0.1 localhost\n127.0.1.1 ${canary.hostname}.${canary.domain} ${canary.hostname}\n`,
    "resolv.conf": `search ${canary.domain}\nnameserver ${canary.nameserver}\n`,
    "machine-id": "c0ffeec0ffeec0ffeec0ffeec0ffee00\n",
  };
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  const mounts = Object.keys(files).map(
    (name) => `[ -e /etc/${name} ] || : >/etc/${name}; mount --bind ${join(folder, name)} /etc/${name}`,
  );
  const script = [
    "set -eu",
    ...mounts,
    `hostname ${canary.hostname}`,
    `exec ${shellLine([imagectl, ...buildWords()])}`,
  ].join("\n");
  const proxies = {
    http_proxy: canary.proxy,
    https_proxy: canary.proxy,
    TZ: "Asia/Tokyo",
    LANG: "de_DE.UTF-8",
  };
  return run("unshare", ["--mount", "--uts", "sh", "-c", script], {
    env: { ...environment, ...proxies },
    timeoutMs: 10 * 60_000,
  });
}

describe("the same lock on another machine", () => {
  let image: Image;
  let root: string;

  beforeAll(async () => {
    // The proxy does not exist: that the build ends well shows that it downloads nothing.
    image = await goldenImageOf(await buildAsCanary());
    root = scratch.folder("root");
    await run("tar", ["--zstd", "-xf", store.blobPath(rootOf(image)), "-C", root, "--numeric-owner"]);
  }, 12 * 60_000);

  test("gives the same bytes", async () => {
    expect(image.id).not.toBe(original.id);
    expect(image.manifest.key).toBe(original.manifest.key);
    expect(image.manifest.artefacts.map(({ name, sha256 }) => [name, sha256])).toEqual(
      original.manifest.artefacts.map(({ name, sha256 }) => [name, sha256]),
    );
    expect(await store.verify(image.id)).toEqual([]);
  });

  test("what an earlier, killed build left is gone", () => {
    expect(existsSync(join(freshCache, "builds"))).toBe(false);
  });

  test("knows nothing of the machine that built it", async () => {
    const words = [
      canary.hostname,
      "canary-domain",
      "canary-proxy",
      canary.nameserver,
      "c0ffeec0ffee",
      freshCache,
    ];
    const patterns = words.flatMap((word) => ["-e", word]);
    const found = await run("grep", ["-rlaF", ...patterns, root], { okExitCodes: [0, 1] });
    expect(found.stdout).toBe("");
    const initrd = readdirSync(join(root, "boot")).find((name) => name.startsWith("initrd")) ?? "";
    const unpacked = shellLine(["zstd", "-dc", join(root, "boot", initrd)]);
    const inside = await run("sh", ["-c", `${unpacked} | grep -caF ${shellLine(patterns)}`], {
      okExitCodes: [1],
    });
    expect(inside.stdout.trim()).toBe("0");
  });

  test("has no identity of its own", () => {
    const read = (path: string) => readFileSync(join(root, path), "utf8");
    expect(read("etc/machine-id")).toBe("");
    expect(read("etc/hostname")).toBe("localhost\n");
    expect(read("etc/resolv.conf")).toBe("");
    const absent = [
      "etc/ssh/ssh_host_ed25519_key",
      "etc/ssh/ssh_host_rsa_key",
      "etc/ssh/ssh_host_ecdsa_key",
      "var/lib/systemd/random-seed",
      "var/lib/dbus/machine-id",
      "etc/apt/apt.conf.d/99mmdebstrap",
    ];
    expect(absent.filter((path) => existsSync(join(root, path)))).toEqual([]);
    expect(readdirSync(join(root, "var/lib/apt/lists"))).toEqual([]);
    for (const folder of ["dev", "proc", "run", "sys", "tmp"])
      expect(readdirSync(join(root, folder))).toEqual([]);
    const logs = readdirSync(join(root, "var/log"), { recursive: true, withFileTypes: true });
    expect(logs.filter((entry) => entry.isFile()).map(({ name }) => name)).toEqual([]);
  });

  test("keeps owners, modes and file capabilities", async () => {
    const { stdout } = await run("tar", [
      ...["--zstd", "-tvf", store.blobPath(originalRoot), "--numeric-owner", "--xattrs"],
      ...["./usr/bin/sudo", "./usr/bin/ping", "./etc/shadow", "./tmp"],
    ]);
    expect(stdout).toMatch(/^-rwsr-xr-x.? 0\/0 .*\.\/usr\/bin\/sudo$/m);
    expect(stdout).toMatch(/^-rw-r-----.? 0\/42 .*\.\/etc\/shadow$/m);
    expect(stdout).toMatch(/^drwxrwxrwt.? 0\/0 .*\.\/tmp\/$/m);
    const header = await run("sh", [
      "-c",
      `zstd -dc ${store.blobPath(originalRoot)} | grep -ca security.capability`,
    ]);
    expect(Number(header.stdout)).toBeGreaterThan(0);
  });
});

test("a second build is up to date and starts no step", async () => {
  const built = await run(imagectl, buildWords(), { env: environment });
  const events = eventsOf(built);
  expect(events.map(({ kind }) => kind)).toEqual(["up-to-date", "up-to-date"]);
});

describe("a build whose step fails", () => {
  let failed: RunResult;
  let publishedBeforeFailure: string[];

  beforeAll(async () => {
    publishedBeforeFailure = await publishedIds();
    const role = join(dirname(cluster.file), "roles/broken");
    mkdirSync(role, { recursive: true });
    const command = "{name: break on purpose, unless: 'false', run: 'echo what broke; exit 3'}";
    writeFileSync(join(role, "role.yaml"), `summary: Breaks.\ncommands:\n  - ${command}\n`);
    const text = readFileSync(cluster.file, "utf8");
    writeFileSync(cluster.file, text.replace("roles: [base,", "roles: [base, broken,"));
    failed = await run(imagectl, ["build", "--os", "debian-12", "--cluster", cluster.file], {
      env: environment,
      okExitCodes: [1],
      timeoutMs: 5 * 60_000,
    });
  }, 6 * 60_000);

  test("names the step and shows what it said last", () => {
    expect(failed.stderr).toContain('step "apply the image layer" failed');
    expect(failed.stderr).toContain("what broke");
    expect(failed.stderr).toContain("[BUILD_FAILED]");
  });

  test("points to a full log and to a root that can be looked into", async () => {
    const [, root = "", log = ""] =
      /Look inside: chroot (\S+) \/bin\/sh\. All that was said: (\S+)/.exec(failed.stderr) ?? [];
    expect(readFileSync(log, "utf8")).toContain("what broke");
    const inside = await run("chroot", [root, "/bin/sh", "-c", ". /etc/os-release && echo $ID"]);
    expect(inside.stdout).toBe("debian\n");
  });

  test("publishes nothing", async () => {
    expect(await publishedIds()).toEqual(publishedBeforeFailure);
  });
});

test("without root it says which command to run", async () => {
  const words = ["--reuid=65534", "--regid=65534", "--clear-groups", imagectl, ...buildWords()];
  const refused = await run("setpriv", words, { okExitCodes: anyExitCode });
  expect(refused.exitCode).toBe(1);
  expect(refused.stderr).toContain("hint: sudo imagectl build --os debian-12");
});

test("blobs and manifests are readable by unprivileged workers", () => {
  expect(statSync(store.blobPath(rootOf(original))).mode & 0o777).toBe(0o644);
  expect(statSync(join(store.directory, "images", `${original.id}.json`)).mode & 0o777).toBe(0o644);
});
