/** Keys and kinds of values: the installer's own, netplan's, and those of the inner user-data. */
import type { Finding } from "../../errors.ts";
import { autoinstallShape, installer } from "./autoinstall-shape.ts";
import { netplanShape } from "./netplan-shape.ts";
import { isMap, type Place, textOf } from "./place.ts";
import { compareShape } from "./shape.ts";
import type { Check } from "./subject.ts";
import { cloudConfigKeys, userDataConsequence, userDataShape } from "./user-data-shape.ts";

export const checkKeys: Check = ({ autoinstall, release }) => [
  ...compareShape(autoinstall, autoinstallShape(release), { ...installer, hintForKey: hintForCloudInit }),
  ...checkKernel(autoinstall.at("kernel")),
];

function hintForCloudInit(key: string): string | undefined {
  return cloudConfigKeys.includes(key)
    ? `${key} is a key of cloud-init: put it into user-data: below autoinstall:.`
    : undefined;
}

function checkKernel(kernel: Place): Finding[] {
  const chosen = kernel.entries().filter(([key]) => key === "package" || key === "flavor");
  if (!isMap(kernel.value) || chosen.length === 1) return [];
  return [
    kernel.error(
      "VALUE_INVALID",
      `kernel: has ${chosen.length === 0 ? "neither package nor flavor" : "both package and flavor"}: ${installer.stops}`,
      "Keep exactly one of the two, or remove kernel: for the release's own.",
    ),
  ];
}

export const checkUserData: Check = ({ autoinstall }) => {
  const userData = autoinstall.at("user-data");
  if (userData.value === undefined) return [];
  if (typeof userData.value === "string") {
    return [
      userData.error(
        "VALUE_INVALID",
        `user-data is a text: ${installer.stops}`,
        "Write it as a map below user-data:, without `|` and without a #cloud-config line.",
      ),
    ];
  }
  return [
    ...compareShape(userData, userDataShape, userDataConsequence),
    ...userData.at("users").items().flatMap(checkUser),
  ];
};

function checkUser(user: Place): Finding[] {
  if (!isMap(user.value) || user.value.name !== undefined || user.value.snapuser !== undefined) return [];
  return [
    user.error(
      "KEY_MISSING",
      `${user.name}.name is missing: ${userDataConsequence.stops}`,
      "Add it: name: the user's login name",
      "key",
    ),
  ];
}

/** Ids that the ISOs of Ubuntu and its flavours list in casper/install-sources.yaml. Source: subiquity's reference. */
const sources =
  /^(ubuntu-server(-minimal)?|(ubuntu(-budgie|-mate|cinnamon|kylin)?|edubuntu|xubuntu|ubuntustudio)-desktop(-minimal)?)$/;

export const checkSource: Check = ({ autoinstall }) => {
  const place = autoinstall.at("source").at("id");
  const id = textOf(place);
  if (id === undefined || sources.test(id)) return [];
  return [
    place.error(
      "SOURCE_UNKNOWN",
      `no ISO of Ubuntu has a source ${id}: the installer stops`,
      "On the server's ISO: ubuntu-server or ubuntu-server-minimal. Each ISO lists its own in casper/install-sources.yaml.",
    ),
  ];
};

/** A webhook without an address. Source: curtin's reporter, whose handler cannot be made without one. */
export const checkReporting: Check = ({ autoinstall }) =>
  autoinstall
    .at("reporting")
    .entries()
    .filter(([, hook]) => hook.at("type").value === "webhook" && hook.at("endpoint").value === undefined)
    .map(([, hook]) =>
      hook.error(
        "KEY_MISSING",
        `${hook.name}.endpoint is missing: ${installer.stops}`,
        "Add it: endpoint: the URL that events are posted to",
      ),
    );

/** A mirror of one's own that does not answer is given up without a word, unless the document says otherwise. */
export const checkMirrors: Check = ({ autoinstall }) => {
  const apt = autoinstall.at("apt");
  const own = apt
    .at("mirror-selection")
    .at("primary")
    .items()
    .map((mirror) => textOf(mirror.at("uri")))
    .filter((uri) => uri !== undefined && !/^https?:\/\/[^/]*\bubuntu\.com\//.test(uri));
  const [first] = own;
  if (first === undefined || apt.at("fallback").value !== undefined) return [];
  return [
    apt.warning(
      "KEY_MISSING",
      `where ${first} does not answer, the installer takes what is on its medium alone, without a word`,
      "Say what is to happen: fallback: abort, or fallback: offline-install",
      "key",
    ),
  ];
};

export const checkInteractive: Check = ({ autoinstall }) => {
  const sections = autoinstall.at("interactive-sections").items();
  const reporting = autoinstall.at("reporting");
  if (sections.length === 0 || reporting.value === undefined) return [];
  return [
    reporting.warning(
      "KEY_MISPLACED",
      "reporting is ignored wherever interactive-sections is not empty: nobody is told anything",
      "Remove interactive-sections, or do not wait for reports.",
    ),
  ];
};

/** A role has this name too, and src names no role: a pattern in place of a text. */
const netplanKey = /^network$/;

/** netplan's map may stand directly below its key, or once more below a key of that name, as in its own files. */
export function netplanOf(autoinstall: Place): Place | undefined {
  const below = (place: Place | undefined): Place | undefined =>
    place?.entries().find(([key]) => netplanKey.test(key))?.[1];
  const outer = below(autoinstall);
  return below(outer) ?? outer;
}

export const checkNetplanKeys: Check = ({ autoinstall }) => {
  const netplan = netplanOf(autoinstall);
  if (netplan === undefined) return [];
  const stops =
    "netplan refuses all of it, and there is no network, neither for the installer nor afterwards";
  return compareShape(netplan, netplanShape, { ignored: stops, stops });
};
