# shellcheck shell=dash
# How the disk starts: loaders for both firmwares, and the order in which UEFI tries things.

# What our entry is called in the firmware's menu.
entry_label=imagectl

# Both loaders are written, whatever firmware this machine runs now; its own one must succeed.
step_install_bootloader() {
  for loader in bios-x86 uefi-x64; do
    # Not as a condition: that would switch -e off inside.
    set +e
    (
      set -e
      install_loader "$loader"
    )
    code=$?
    set -e
    if [ "$code" -ne 0 ]; then
      echo "the loader for $loader could not be installed (exit code $code)"
      [ "$loader" != "$firmware" ] || return "$code"
    fi
  done
  write_grub_config
}

install_loader() {
  case $1 in
    bios-x86)
      for disk in $disks; do
        in_target grub-install --target=i386-pc --no-floppy "$disk"
      done
      ;;
    uefi-x64) install_uefi_loader ;;
  esac
}

# Onto each ESP: shim and GRUB by the image's own script, which packages' updates run, too; then where GRUB goes on.
install_uefi_loader() {
  in_target /usr/lib/imagectl/update-loaders
  esp_mounts | while read -r _ esp_mount; do
    cat >"$target$esp_mount/EFI/$(vendor_of_target)/grub.cfg" <<STUB
search.fs_uuid $(uuid_of "$(cat "$run/root-device")") root
set prefix=(\$root)/boot/grub
configfile \$prefix/grub.cfg
STUB
  done
}

# The folder in the ESP that the distribution's signed GRUB looks into: `debian`, `ubuntu`.
vendor_of_target() {
  sed -n 's/^ID=//p' "$target/etc/os-release" | tr -d '"'
}

write_grub_config() {
  root_uuid=$(uuid_of "$(cat "$run/root-device")")
  modules=
  [ "$(cat "$run/root-device")" != /dev/md0 ] || modules=mdraid1x
  mkdir -p "$target/boot/grub"
  in_target sh -eu -s "$root_uuid" / ${modules:+"$modules"} <"$here/grub-config.sh" >"$target/boot/grub/grub.cfg"
}

# UEFI asks the network first, then starts our disk; entries of earlier systems on this machine's disks are deleted.
step_set_boot_order() {
  if [ "$firmware" != uefi-x64 ]; then
    echo "a BIOS keeps its order itself: set it to the network first, once"
    return 0
  fi
  variables=/sys/firmware/efi/efivars
  grep -q " $variables " /proc/mounts || mount -t efivarfs efivarfs "$variables"
  partitions=$(partition_guids)
  efibootmgr --verbose >"$run/boot-entries"
  for entry in $(awk -v wanted=dead -v label="$entry_label" -v partitions="$partitions" -f "$here/boot-order.awk" \
    "$run/boot-entries"); do
    echo "deleting Boot$entry"
    efibootmgr --quiet --bootnum "$entry" --delete-bootnum
  done
  # The entry of this boot's earlier try, if any, is gone by now: it had the label. Each half of a mirror has one.
  for disk in $disks; do
    efibootmgr --quiet --create --disk "$disk" --part "$esp_number" --label "$entry_label" \
      --loader "\\EFI\\$(vendor_of_target)\\shimx64.efi"
  done
  efibootmgr --verbose >"$run/boot-entries"
  order=$(awk -v wanted=order -v label="$entry_label" -v mac="$(card_address)" -f "$here/boot-order.awk" \
    "$run/boot-entries")
  efibootmgr --bootorder "$order"
}

# Of all disks, in lower case, with blanks between.
partition_guids() {
  for path in /sys/class/block/*/partition; do
    [ ! -f "$path" ] || printf '/dev/%s ' "$(basename "${path%/partition}")"
  done | xargs blkid --probe --match-tag PART_ENTRY_UUID --output value | tr 'A-F\n' 'a-f '
}

# The MAC address that the boot script named, as device paths write it.
card_address() {
  sed -n 's/.*imagectl\.mac=\([0-9A-Fa-f:-]*\).*/\1/p' /proc/cmdline | tr -d ':-' | tr 'A-F' 'a-f'
}
