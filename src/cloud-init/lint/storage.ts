/** storage: layouts, and actions with their keys, their references and what must be mounted. */
import type { Finding } from "../../errors.ts";
import { hintForName, nearestOf } from "../../nearest.ts";
import { type Action, actionsOf, actionTypes, actionWords, referencesOf } from "./actions.ts";
import { installer } from "./autoinstall-shape.ts";
import { isMap, type Place, textOf } from "./place.ts";
import type { Check, Subject } from "./subject.ts";

const layoutNames = ["lvm", "direct", "zfs", "hybrid", "dd"];

export const checkLayout: Check = ({ autoinstall }) => {
  const storage = autoinstall.at("storage");
  const layout = storage.at("layout");
  const name = textOf(layout.at("name"));
  return [
    ...(name === undefined || layoutNames.includes(name) ? [] : [unknownLayout(layout.at("name"), name)]),
    ...(layout.value !== undefined && storage.at("config").value !== undefined
      ? [
          storage
            .at("config")
            .warning(
              "KEY_MISPLACED",
              "storage.config is ignored where storage.layout stands: the layout alone is installed",
              "Remove one of the two.",
              "key",
            ),
        ]
      : []),
    ...(isMap(storage.value) && layout.value === undefined && storage.at("config").value === undefined
      ? [
          storage.error(
            "ROOT_MISSING",
            "storage has neither layout nor config: the installer stops, since nothing is mounted at /",
            "Add a layout: {name: lvm, match: …}, or a config: list of actions.",
            "key",
          ),
        ]
      : []),
    ...(layout.at("recovery-key").value !== undefined && layout.at("password").value === undefined
      ? [
          layout
            .at("recovery-key")
            .error(
              "KEY_MISSING",
              "storage.layout.recovery-key needs a password beside it: the installer stops",
              "Add layout.password, or remove recovery-key.",
              "key",
            ),
        ]
      : []),
  ];
};

function unknownLayout(place: Place, name: string): Finding {
  return place.error(
    "VALUE_INVALID",
    `there is no layout ${name}: the installer takes direct instead, without a word`,
    hintForName(name, layoutNames.slice(0, 3)),
  );
}

export const checkActions: Check = (subject) => {
  const actions = actionsOf(subject);
  return [
    ...actions.flatMap(checkActionKeys),
    ...actions.flatMap((action, index) => checkReferences(action, index, actions)),
    ...checkIds(actions),
    ...checkRoot(subject, actions),
  ];
};

function checkActionKeys({ place, type }: Action): Finding[] {
  const known = Object.hasOwn(actionTypes, type) ? actionTypes[type] : undefined;
  if (known === undefined) {
    return [
      place
        .at("type")
        .error(
          "VALUE_INVALID",
          `there is no action of type ${type}: the installer leaves it out without a word`,
          hintForName(type, Object.keys(actionTypes)),
        ),
    ];
  }
  const keys = ["id", "type", ...Object.keys(known.refersTo), ...known.keys.split(" ")];
  const missing = known.required.split(" ").filter((key) => key !== "" && place.at(key).value === undefined);
  return [
    ...missing.map((key) =>
      place.error(
        "KEY_MISSING",
        `${place.name} (${type}) lacks ${key}: ${installer.stops}`,
        `Add it: ${key}: …`,
      ),
    ),
    ...place
      .entries()
      .filter(([key]) => !keys.includes(key))
      .map(([key, entry]) => unknownActionKey(key, entry, type, keys)),
    ...place.entries().flatMap(([key, entry]) => checkWord(type, key, entry)),
  ];
}

function checkWord(type: string, key: string, entry: Place): Finding[] {
  const words = Object.hasOwn(actionWords, key) ? actionWords[key] : undefined;
  // A mount takes the names of virtual file systems as well.
  const isFree =
    words === undefined || type === "mount" || entry.value === null || words.includes(entry.value);
  if (isFree) return [];
  return [
    entry.error(
      "VALUE_INVALID",
      `${entry.name} cannot be ${String(entry.value)}: the install stops with the disk half written`,
      hintForName(
        String(entry.value),
        words.map(String).filter((word) => word !== ""),
      ),
    ),
  ];
}

/** Dumps of installed systems have keys of no weight; what looks like a typo has. */
function unknownActionKey(key: string, entry: Place, type: string, keys: readonly string[]): Finding {
  const nearest = nearestOf(key, keys);
  const message = `${entry.name}: an action of type ${type} has no ${key}: the installer ignores it without a word`;
  return nearest === undefined
    ? entry.warning("KEY_UNKNOWN", message, "Remove it.", "key")
    : entry.error("KEY_UNKNOWN", message, `Did you mean: ${nearest}`, "key");
}

function checkReferences(action: Action, index: number, actions: readonly Action[]): Finding[] {
  const earlier = actions.slice(0, index);
  const effect =
    action.type === "mount" ? "it is mounted without a device, or the installer stops" : installer.stops;
  const dangling = referencesOf(action).flatMap(({ place, id, types }): Finding[] => {
    const target = earlier.find((each) => each.id === id);
    if (target === undefined) {
      const isLater = actions.slice(index).some((each) => each.id === id);
      return [
        place.error(
          "REFERENCE_UNKNOWN",
          `${place.name} refers to ${id}, ${isLater ? "which comes only later" : "which no action before it has as its id"}: ${effect}`,
          isLater
            ? `Move the action with id: ${id} above this one.`
            : hintForName(
                id,
                earlier.filter((each) => types.includes(each.type)).map((each) => each.id),
              ),
        ),
      ];
    }
    // An unknown type has a finding of its own.
    if (types.includes(target.type) || !Object.hasOwn(actionTypes, target.type)) return [];
    return [
      place.error(
        "REFERENCE_UNKNOWN",
        `${place.name} refers to ${id}, an action of type ${target.type} that cannot stand there: ${installer.stops}`,
        `Name an action of type ${types.join(", ")}.`,
      ),
    ];
  });
  return [...dangling, ...checkMountDevice(action, effect)];
}

function checkMountDevice({ place, type }: Action, effect: string): Finding[] {
  const isBare = ["device", "spec", "fstype"].every((key) => place.at(key).value === undefined);
  if (type !== "mount" || !isBare) return [];
  return [
    place.error(
      "KEY_MISSING",
      `${place.name} (mount) lacks device: ${effect}`,
      "Add it: device: the id of the format action.",
    ),
  ];
}

function checkIds(actions: readonly Action[]): Finding[] {
  return actions
    .filter(({ id }, index) => actions.findIndex((each) => each.id === id) < index)
    .map(({ place, id }) =>
      place
        .at("id")
        .error(
          "DUPLICATE",
          `two actions have the id ${id}: the installer stops, or takes the wrong one`,
          "Give each its own.",
        ),
    );
}

function checkRoot({ autoinstall }: Subject, actions: readonly Action[]): Finding[] {
  const config = autoinstall.at("storage").at("config");
  const isMounted = actions.some(
    ({ place, type }) =>
      (type === "mount" && place.at("path").value === "/") ||
      (type === "zpool" && place.at("mountpoint").value === "/") ||
      (type === "zfs" && place.at("properties").at("mountpoint").value === "/"),
  );
  if (actions.length === 0 || isMounted) return [];
  return [
    config.error(
      "ROOT_MISSING",
      "nothing is mounted at /: the installer stops",
      "Add a last action: {type: mount, id: mount-root, device: the id of the root's format, path: /}",
      "key",
    ),
  ];
}
