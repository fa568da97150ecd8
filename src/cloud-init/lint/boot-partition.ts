/** What firmware starts from: an EFI system partition, or for BIOS a disk that GRUB is written to. */
import type { Finding } from "../../errors.ts";
import { type Action, actionsOf, actionWords, findUser, mountPathOf } from "./actions.ts";
import type { Place } from "./place.ts";
import type { Check } from "./subject.ts";

const espHint =
  "Give each boot disk a partition of 1G with flag: boot and grub_device: true, format it as fat32, and mount one of them at /boot/efi.";

export const checkBootPartition: Check = (subject) => {
  const actions = actionsOf(subject);
  if (actions.length === 0) return [];
  const config = subject.autoinstall.at("storage").at("config");
  const esp = actions.find(({ type, place, id }) => {
    const isChosen = type === "partition" && isOn(place.at("grub_device"));
    return isChosen && mountPathOf(actions, id) === "/boot/efi";
  });
  const biosDisks = actions.filter(({ type, place }) => type === "disk" && isOn(place.at("grub_device")));
  switch (subject.firmware) {
    case "uefi":
      return esp === undefined ? [missingEsp(config, actions)] : checkEsp(esp, actions);
    case "bios":
      return biosDisks.length === 0
        ? [missingBios(config)]
        : biosDisks.flatMap((disk) => checkBiosDisk(disk, actions));
    case undefined:
      if (esp !== undefined) return checkEsp(esp, actions);
      if (biosDisks.length === 0) return [missingEsp(config, actions)];
      return [
        config.warning(
          "BOOT_PARTITION_MISSING",
          "only BIOS can start this disk: on a machine with UEFI the installer stops",
          `Say which one it is: --firmware bios or --firmware uefi. For UEFI: ${espHint}`,
          "key",
        ),
        ...biosDisks.flatMap((disk) => checkBiosDisk(disk, actions)),
      ];
    default:
      return subject.firmware satisfies never;
  }
};

function missingEsp(config: Place, actions: readonly Action[]): Finding {
  const unmarked = actions.find(
    ({ type, id }) => type === "partition" && mountPathOf(actions, id) === "/boot/efi",
  );
  return (unmarked?.place ?? config).error(
    "BOOT_PARTITION_MISSING",
    unmarked === undefined
      ? "there is no EFI system partition: on a machine with UEFI the installer stops"
      : `${unmarked.place.name} is mounted at /boot/efi, but without grub_device: true: on a machine with UEFI the installer stops`,
    unmarked === undefined ? espHint : "Add to this partition: flag: boot and grub_device: true",
    "key",
  );
}

/** What the installer does not look at, and firmware does. */
function checkEsp({ place, id }: Action, actions: readonly Action[]): Finding[] {
  const fileSystem = findUser(actions, "format", "volume", id)?.place.at("fstype");
  const flag = place.at("flag").value ?? "";
  const isMarked =
    flag === "boot" ||
    // A flag that there is not has a finding of its own.
    !actionWords.flag?.includes(flag) ||
    place.at("partition_type").value !== undefined ||
    isOn(place.at("preserve"));
  const isFat = ["fat32", "vfat", "fat16", "fat"].includes(String(fileSystem?.value ?? "fat32"));
  return [
    ...(isMarked
      ? []
      : [
          place.error(
            "BOOT_PARTITION_MISSING",
            `${place.name} is not marked as EFI system partition: firmware does not look into it, and nothing starts`,
            "Add to it: flag: boot",
          ),
        ]),
    ...(isFat || fileSystem === undefined
      ? []
      : [
          fileSystem.error(
            "BOOT_PARTITION_MISSING",
            `the EFI system partition is formatted as ${String(fileSystem.value)}: firmware reads only FAT, and nothing starts`,
            "Write: fstype: fat32",
          ),
        ]),
  ];
}

function missingBios(config: Place): Finding {
  return config.error(
    "BOOT_PARTITION_MISSING",
    "no disk has grub_device: true: on a machine with BIOS the installer stops",
    "Add grub_device: true to the disk, and to a GPT a first partition: {size: 1M, flag: bios_grub}",
    "key",
  );
}

/** On a GPT, GRUB's core has no place but a partition of its own. */
function checkBiosDisk({ place, id }: Action, actions: readonly Action[]): Finding[] {
  const isGpt = (place.at("ptable").value ?? "gpt") === "gpt";
  const parts = actions.filter(
    ({ type, place: part }) => type === "partition" && part.at("device").value === id,
  );
  const hasRoom = parts.some(({ place: part }) => part.at("flag").value === "bios_grub");
  if (!isGpt || hasRoom || parts.length === 0 || isOn(place.at("preserve"))) return [];
  return [
    place.error(
      "BOOT_PARTITION_MISSING",
      `${place.name} has a GPT without a partition for GRUB's core: grub-install fails, and with it the install`,
      "Add as its first partition: {type: partition, id: bios, device: …, size: 1M, flag: bios_grub}",
    ),
  ];
}

function isOn(place: Place): boolean {
  return place.value === true || place.value === 1;
}
