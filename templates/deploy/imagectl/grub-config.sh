# shellcheck shell=dash
# Prints the grub.cfg of a freshly deployed root: sh -eu -s UUID ROOT [MODULE...] <grub-config.sh
# The modules are those that GRUB needs to read the device below the file system.
# What update-grub would write for it, without probing every device, which takes 20 seconds under emulation. It
# reads the same settings, gives the kernel the same command line, and is replaced by the next update-grub.
uuid=$1
root=${2%/}
shift 2

GRUB_CMDLINE_LINUX='' GRUB_CMDLINE_LINUX_DEFAULT=''
GRUB_TIMEOUT=5 GRUB_TIMEOUT_STYLE=menu GRUB_TERMINAL='' GRUB_SERIAL_COMMAND=''
for settings in "$root/etc/default/grub" "$root"/etc/default/grub.d/*.cfg; do
  # shellcheck disable=SC1090 # the distribution's and the plan's
  [ ! -f "$settings" ] || . "$settings"
done
name=$(sed -n 's/^PRETTY_NAME=//p' "$root/etc/os-release" | tr -d '"')
arguments="${GRUB_CMDLINE_LINUX:+ $GRUB_CMDLINE_LINUX}${GRUB_CMDLINE_LINUX_DEFAULT:+ $GRUB_CMDLINE_LINUX_DEFAULT}"

cat <<HEADER
# Written by imagectl when this node was deployed; update-grub replaces it.
$(printf 'insmod %s\n' part_gpt "$@" ext2)
search --no-floppy --fs-uuid --set=root $uuid
set default=0
HEADER
[ -z "$GRUB_SERIAL_COMMAND" ] || echo "$GRUB_SERIAL_COMMAND"
if [ -n "$GRUB_TERMINAL" ]; then
  printf 'terminal_input %s\nterminal_output %s\n' "$GRUB_TERMINAL" "$GRUB_TERMINAL"
fi
printf 'set timeout_style=%s\nset timeout=%s\n' "$GRUB_TIMEOUT_STYLE" "$GRUB_TIMEOUT"

# Newest first. An unmatched pattern is no kernel, and a disk without one must not pass for finished.
kernels=0
for kernel in $(cd "$root/boot" && printf '%s\n' vmlinuz-* | sort -V -r); do
  version=${kernel#vmlinuz-}
  [ -f "$root/boot/initrd.img-$version" ] || continue
  kernels=$((kernels + 1))
  cat <<ENTRY

menuentry '$name, Linux $version' {
  echo 'Loading Linux $version ...'
  linux /boot/$kernel root=UUID=$uuid ro$arguments
  initrd /boot/initrd.img-$version
}
ENTRY
done
if [ "$kernels" -eq 0 ]; then
  echo "the root has no kernel with an initramfs in /boot" >&2
  exit 1
fi
