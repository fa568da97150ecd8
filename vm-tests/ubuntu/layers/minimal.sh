#!/bin/sh
# What the layer that is installed has beside its packages. $1: its root, with every package configured.
set -eu
root=$1
echo ubuntu-server >"$root/etc/hostname"
: >"$root/etc/machine-id"
rm -f "$root/etc/apt/sources.list" "$root"/etc/ssh/ssh_host_*
ln -sf ../run/systemd/resolve/stub-resolv.conf "$root/etc/resolv.conf"
# grub-pc's and grub-efi-amd64's maintainer scripts would make it; only their -bin packages can lie side by side.
cp "$root/usr/share/grub/default/grub" "$root/etc/default/grub"
# The lab's machines have no screen, and GRUB's graphical terminal hangs where a BIOS has none.
echo GRUB_TERMINAL=console >>"$root/etc/default/grub"
# Emulated, an initramfs of every driver takes minutes. The same few are in the live session's.
cp "$(dirname "$0")/../initramfs/modules" "$root/etc/initramfs-tools/modules"
printf 'MODULES=list\nCOMPRESS=zstd\n' >"$root/etc/initramfs-tools/conf.d/stand-in"
# Else systemd rebuilds the linker's cache and more at the first boot, which is long emulated (systemd-update-done(8)).
touch "$root/etc/.updated" "$root/var/.updated"
