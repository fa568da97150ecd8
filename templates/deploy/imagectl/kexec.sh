# shellcheck shell=dash
# The installed system's kernel, loaded while its file systems are still mounted: the way past the firmware.

# Loads what the first entry of grub.cfg starts. The disk is complete without it, so nothing here may fail the deploy:
# what cannot be loaded is started through the firmware.
step_load_system() {
  if load_first_entry "$target/boot/grub/grub.cfg"; then
    : >"$run/system-loaded"
  else
    echo "the new system could not be loaded for kexec; the machine restarts through its firmware"
  fi
}

load_first_entry() {
  kernel=$(first_argument linux "$1")
  initrd=$(first_argument initrd "$1")
  arguments=$(sed -n 's/^ *linux *[^ ]* *//p' "$1" | head -n 1)
  echo "loading $kernel with $initrd: $arguments"
  # -s: kexec_file_load, where the kernel itself checks signatures and hands over what UEFI and ACPI need.
  kexec -s -l "$(in_boot "$kernel")" --initrd="$(in_boot "$initrd")" --command-line="$arguments"
}

# first_argument COMMAND FILE: of the first line with this command.
first_argument() {
  sed -n "s/^ *$1 *\([^ ]*\).*/\1/p" "$2" | head -n 1
}

# in_boot PATH: GRUB's path as this environment sees it; with a file system of its own, /boot is GRUB's root.
in_boot() {
  if [ -f "$target$1" ]; then echo "$target$1"; else echo "$target/boot$1"; fi
}
