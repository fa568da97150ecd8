# shellcheck shell=dash
# How the disk starts: loaders for both firmwares, and the order in which UEFI tries things.

# What our entry is called in the firmware's menu.
entry_label=imagectl

# Both loaders are written, whatever firmware this machine runs now; its own one must succeed.
step_install_bootloader() {
  for one in bios-x86 uefi-x64; do
    code=0
    install_loader "$one" || code=$?
    if [ "$code" -ne 0 ]; then
      echo "the loader for $one could not be installed (exit code $code)"
      [ "$one" != "$firmware" ] || return "$code"
    fi
  done
  write_grub_config
}

# A subshell with -e of its own: the caller's condition would switch it off.
install_loader() {
  case $1 in
    bios-x86) dash -euc '. "$1/base.sh"; . "$1/target.sh"; . "$1/boot.sh"; install_bios_loader "$2"' dash "$here" "$disk" ;;
    uefi-x64) dash -euc '. "$1/base.sh"; . "$1/target.sh"; . "$1/boot.sh"; install_uefi_loader' dash "$here" ;;
  esac
}

install_bios_loader() {
  in_target grub-install --target=i386-pc --no-floppy "$1"
}

# The signed shim and GRUB, so that Secure Boot accepts them; in the folder that the signed GRUB looks into, and as
# the fallback that a firmware without entries takes.
install_uefi_loader() {
  vendor=$(sed -n 's/^ID=//p' "$target/etc/os-release" | tr -d '"')
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

write_grub_config() {
  in_target update-grub
}

step_set_boot_order() {
  [ "$firmware" = uefi-x64 ] || {
    echo "a BIOS keeps its order itself: set it to network first"
    return 0
  }
  mount -t efivarfs efivarfs /sys/firmware/efi/efivars
  efibootmgr
}
