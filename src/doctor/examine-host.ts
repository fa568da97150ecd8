/** Judges the machine itself: rights, programs, space, clock, private files, mirrors, KVM. Pure. */
import type { Finding } from "../errors.ts";
import { formatBytes, formatMinute } from "../quantity.ts";
import { type Answer, type ClockFact, fine, type HostFacts, type MirrorFact } from "./facts.ts";
import { type Program, programs } from "./programs.ts";

export function examineHost(host: HostFacts): Answer[] {
  return [
    examineRights(host),
    ...examinePrograms(host.missingPrograms),
    examineIpxe(host.missingIpxeFiles),
    ...host.space.map(examineSpace),
    ...examineClock(host.clock),
    examinePrivacy(host.privacy),
    ...examineMirrors(host.mirrors),
    examineKvm(host.kvm),
  ];
}

function examineRights({ isRoot }: HostFacts): Answer {
  if (isRoot) return fine("root", "runs as root");
  return {
    severity: "error",
    code: "ROOT_REQUIRED",
    where: "root",
    message: "not run as root: other DHCP servers, private files and owners of ports cannot be seen",
    hint: "sudo imagectl doctor",
  };
}

function examinePrograms(missing: readonly string[]): Answer[] {
  if (missing.length === 0) return [fine("programs", `all ${programs.length} are installed`)];
  const report = (program: Program): Finding => ({
    severity: program.neededFor === "rehearsing" ? "warning" : "error",
    code: "TOOL_MISSING",
    where: "programs",
    message: `${program.name} is not installed, which ${program.neededFor} needs`,
    hint: `apt-get install ${program.package}`,
  });
  return programs.filter(({ name }) => missing.includes(name)).map(report);
}

function examineIpxe(missing: readonly string[]): Answer {
  if (missing.length === 0) return fine("iPXE", "the files for BIOS and UEFI firmware are there");
  return {
    severity: "error",
    code: "IPXE_MISSING",
    where: "iPXE",
    message: `missing: ${missing.join(", ")}`,
    hint: "apt-get install ipxe",
  };
}

function examineSpace({ what, path, freeBytes, neededBytes, hint }: HostFacts["space"][number]): Answer {
  const where = `space for ${what}`;
  const has = `${path} has ${formatBytes(freeBytes)} free`;
  if (freeBytes >= neededBytes) return fine(where, has);
  const message = `${has}; ${formatBytes(neededBytes)} are needed`;
  return { severity: "error", code: "DISK_SPACE_LOW", where, message, hint };
}

function examineClock({ now, earliest, isSynchronised }: ClockFact): Answer[] {
  const where = "clock";
  const time = formatMinute(now.toISOString());
  const [impossible] = earliest.filter(({ at }) => at > now).sort((left, right) => +right.at - +left.at);
  if (impossible !== undefined) {
    const message = `it says ${time}, but ${impossible.what} is of ${impossible.at.toISOString().slice(0, 16)}`;
    const hint = "Set it: timedatectl set-ntp true, or date --utc --set='2027-01-31 12:00'";
    return [{ severity: "error", code: "CLOCK_WRONG", where, message, hint }];
  }
  if (isSynchronised === true) return [fine(where, `${time}, synchronised`)];
  const message =
    isSynchronised === false
      ? `it says ${time} and is not synchronised: nodes get their time from here`
      : `it says ${time}; nothing here could tell whether it is synchronised`;
  const hint = "sudo apt-get install chrony; sudo systemctl enable --now chrony; then see: chronyc tracking";
  return [{ severity: "warning", code: "CLOCK_WRONG", where, message, hint }];
}

function examinePrivacy(files: HostFacts["privacy"]): Answer {
  const open = files.filter(({ mode, mostBits, isForeign }) => (mode & ~mostBits) !== 0 || isForeign);
  if (open.length === 0)
    return fine("private files", `keys, secrets and database: ${files.length}, all private`);
  const mends = open.map(({ path, mostBits, isForeign }) =>
    [...(isForeign ? [`chown root: ${path}`] : []), `chmod ${mostBits.toString(8)} ${path}`].join(" && "),
  );
  return {
    severity: "error",
    code: "KEYS_EXPOSED",
    where: "private files",
    message: `others may read or own: ${open.map(({ path, mode }) => `${path} (${mode.toString(8)})`).join(", ")}`,
    hint: mends.join(" && "),
  };
}

function examineMirrors(mirrors: readonly MirrorFact[]): Answer[] {
  return mirrors.map(({ url, failure, missingKeyring }): Answer => {
    const where = "package mirror";
    if (missingKeyring !== undefined) {
      const message = `${url} cannot be verified: ${missingKeyring} is missing`;
      const hint = "apt-get install debian-archive-keyring";
      return { severity: "error", code: "MIRROR_UNREACHABLE", where, message, hint };
    }
    if (failure === undefined) return fine(where, `${url} answers`);
    const message = `${url} does not answer: ${failure}`;
    const hint = /resolv/i.test(failure)
      ? "It is the name service: see resolvectl status, or /etc/resolv.conf"
      : "Set the mirror or a proxy of this machine's apt: /etc/apt/sources.list.d, /etc/apt/apt.conf.d";
    return { severity: "error", code: "MIRROR_UNREACHABLE", where, message, hint };
  });
}

function examineKvm(kvm: HostFacts["kvm"]): Answer {
  switch (kvm.kind) {
    case "runs":
      return fine("KVM", "a kernel was seen to run under it");
    case "not-tried":
      return fine("KVM", "not tried; in ten seconds it is: imagectl doctor --kvm");
    case "no-device":
      return fine("KVM", "no /dev/kvm: machines of rehearsals are emulated, some ten times slower");
    case "no-kernel":
      return {
        severity: "warning",
        code: "KVM_UNUSABLE",
        where: "KVM",
        message: "could not be tried: the store has no image with a kernel yet",
        hint: "imagectl build --os OS",
      };
    case "fails":
      return {
        severity: "warning",
        code: "KVM_UNUSABLE",
        where: "KVM",
        message: `/dev/kvm is there, but ${kvm.reason}`,
        hint: "Emulate instead: IMAGECTL_ACCEL=tcg. Or allow nested virtualisation where this machine itself is one.",
      };
    default:
      return kvm satisfies never;
  }
}
