/** The frame of the document: does it reach the installer, and does the installer find its keys in it? */
import type { Finding } from "../../errors.ts";
import { nearestOf } from "../../nearest.ts";
import { autoinstallShape, since2604 } from "./autoinstall-shape.ts";
import { isMap, type Place } from "./place.ts";
import { type Check, cloudConfigHeader, type Release, type Subject } from "./subject.ts";
import { cloudConfigKeys } from "./user-data-shape.ts";

/** Modules of cloud-init that run in the installer's session. Source: livecd-rootfs, the server ISO's cloud.cfg. */
const actsOnSession = new Set(
  "bootcmd write_files ca-certs ca_certs rsyslog users user groups ssh_authorized_keys ssh_import_id ssh_keys ssh_deletekeys ssh_pwauth password chpasswd disable_root timezone runcmd phone_home final_message reporting output hostname merge_how merge_type".split(
    " ",
  ),
);

export const checkDelivery: Check = (subject) => {
  const { whole, autoinstall, delivery } = subject;
  if (!isMap(whole.value)) {
    return [
      whole.error(
        "AUTOINSTALL_MISSING",
        "the document is no map of keys: the installer asks its questions on the screen and waits for ever",
        "Begin it with: autoinstall:",
      ),
    ];
  }
  const isWrapped = Object.hasOwn(whole.value, "autoinstall");
  if (!isWrapped) return delivery === "cloud-config" ? [missingAutoinstall(subject)] : [];
  if (!isMap(autoinstall.value)) {
    return [
      whole
        .at("autoinstall")
        .error(
          "AUTOINSTALL_MISSING",
          "autoinstall: holds no keys: the installer stops, or asks its questions on the screen",
          "Indent everything that is the installer's below it.",
          "key",
        ),
    ];
  }
  return delivery === "plain" ? checkPlain(subject) : besideCloudConfig(subject);
};

function missingAutoinstall({ whole }: Subject): Finding {
  const nearest = whole
    .entries()
    .find(([key]) => !cloudConfigKeys.includes(key) && nearestOf(key, ["autoinstall"]) !== undefined);
  return (nearest?.[1] ?? whole).error(
    "AUTOINSTALL_MISSING",
    "there is no autoinstall: in this cloud-config: the installer asks its questions on the screen and waits for ever",
    nearest === undefined
      ? "Put everything that is the installer's below one key autoinstall:. Or remove the header and name the file /autoinstall.yaml."
      : "Did you mean: autoinstall",
    "key",
  );
}

/** In a plain file `autoinstall:` stands alone, and is younger than the file. Source: subiquity, ba3dbb52. */
function checkPlain({ whole, release }: Subject): Finding[] {
  const beside = besidePlain(whole);
  if (release !== "22.04" || beside.length > 0) return beside;
  return [
    whole
      .at("autoinstall")
      .warning(
        "KEY_MISPLACED",
        "the installers of 22.04 to 22.04.4 do not know autoinstall: in a plain file: they stop, since version is missing",
        "Leave the key out and move its content to the margin: all installers take that in a plain file.",
        "key",
      ),
  ];
}

function besidePlain(whole: Place): Finding[] {
  return others(whole).map(([key, place]) =>
    place.error(
      "KEY_MISPLACED",
      isInstallerKey(key)
        ? `${key} stands beside autoinstall: instead of in it: the installer stops, before 24.04 it ignores the key`
        : `${key} stands beside autoinstall:, and the first line is not ${cloudConfigHeader}: cloud-init ignores the whole file as user-data, and the installer refuses it as /autoinstall.yaml`,
      isInstallerKey(key)
        ? `Indent ${key} below autoinstall:.`
        : `Begin the file with a line: ${cloudConfigHeader}`,
      "key",
    ),
  );
}

function besideCloudConfig({ whole, release }: Subject): Finding[] {
  return others(whole).flatMap(([key, place]): Finding[] => {
    if (!cloudConfigKeys.includes(key)) {
      return [isInstallerKey(key) ? misplaced(key, place, release) : unknownBeside(key, place)];
    }
    return actsOnSession.has(key) ? [] : [onlyForSession(key, place)];
  });
}

function misplaced(key: string, place: Place, release: Release): Finding {
  const effect =
    release === "22.04"
      ? "it is ignored without a word (the installer of 22.04.5 stops)"
      : "the installer stops: Misplaced autoinstall directives";
  return place.error(
    "KEY_MISPLACED",
    `${key} stands beside autoinstall: instead of in it: ${effect}`,
    `Indent ${key} below autoinstall:.`,
    "key",
  );
}

function unknownBeside(key: string, place: Place): Finding {
  const nearest = nearestOf(key, cloudConfigKeys);
  return place.error(
    "KEY_UNKNOWN",
    `unknown key ${key} beside autoinstall:: neither cloud-init nor the installer reads it`,
    nearest === undefined
      ? "Remove it, or indent it below autoinstall: if it is part of that."
      : `Did you mean: ${nearest}`,
    "key",
  );
}

function onlyForSession(key: string, place: Place): Finding {
  return place.warning(
    "KEY_MISPLACED",
    `${key} stands beside autoinstall:, where it is meant for the installer's own session: the installed system never sees it`,
    isInstallerKey(key)
      ? `Indent ${key} below autoinstall:.`
      : "Put it into user-data: below autoinstall:, which cloud-init reads on the installed system.",
    "key",
  );
}

function others(whole: Subject["whole"]): ReturnType<Subject["whole"]["entries"]> {
  return whole.entries().filter(([key]) => key !== "autoinstall");
}

const shape = autoinstallShape("26.04");
function isInstallerKey(key: string): boolean {
  return shape.kind === "map" && Object.hasOwn(shape.keys, key);
}

/** Keys that a newer installer reads, and that of the wanted release does not. */
export const checkRelease: Check = ({ autoinstall, release }) =>
  release === "26.04"
    ? []
    : Object.keys(since2604)
        .map((key) => autoinstall.at(key))
        .filter(({ value }) => value !== undefined)
        .map((place) =>
          place.error(
            "KEY_UNKNOWN",
            `${place.name} is unknown to the installer of ${release}, which ignores it without a word`,
            "Remove it, or check for the release that you install: --release 26.04",
            "key",
          ),
        );
