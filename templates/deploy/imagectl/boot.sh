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
    bios-x86) in_target grub-install --target=i386-pc --no-floppy "$disk" ;;
    uefi-x64) install_uefi_loader ;;
  esac
}

# The signed shim and GRUB, so that Secure Boot accepts them; in the folder that the signed GRUB looks into, and as
# the fallback that a firmware without entries takes.
install_uefi_loader() {
  vendor=$(vendor_of_target)
  for folder in "EFI/$vendor" EFI/BOOT; do
    mkdir -p "$target/boot/efi/$folder"
    cp "$target/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed" "$target/boot/efi/$folder/grubx64.efi"
    cp "$target/usr/lib/shim/mmx64.efi.signed" "$target/boot/efi/$folder/mmx64.efi"
  done
  cp "$target/usr/lib/shim/shimx64.efi.signed" "$target/boot/efi/EFI/$vendor/shimx64.efi"
  cp "$target/usr/lib/shim/shimx64.efi.signed" "$target/boot/efi/EFI/BOOT/BOOTX64.EFI"
  cat >"$target/boot/efi/EFI/$vendor/grub.cfg" <<STUB
search.fs_uuid $(uuid_of "$(cat "$run/root-device")") root
set prefix=(\$root)/boot/grub
configfile \$prefix/grub.cfg
STUB
}

# The folder in the ESP that the distribution's signed GRUB looks into: `debian`, `ubuntu`.
vendor_of_target() {
  sed -n 's/^ID=//p' "$target/etc/os-release" | tr -d '"'
}

write_grub_config() {
  uuid=$(uuid_of "$(cat "$run/root-device")")
  mkdir -p "$target/boot/grub"
  in_target sh -eu -s "$uuid" <"$here/grub-config.sh" >"$target/boot/grub/grub.cfg"
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
  # The entry of this boot's earlier try, if any, is gone by now: it had the label.
  efibootmgr --quiet --create --disk "$disk" --part "$esp_number" --label "$entry_label" \
    --loader "\\EFI\\$(vendor_of_target)\\shimx64.efi"
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
