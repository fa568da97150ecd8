#!/bin/sh
# Makes /mnt/initrd and /mnt/vmlinuz, in a chroot of all layers. /mnt/casper has what is casper's in an initrd.
set -eu
cp /mnt/hook /etc/initramfs-tools/hooks/casper
cp -r /mnt/casper /etc/initramfs-tools/casper
for modules in /lib/modules/*/; do
  version=$(basename "$modules")
  mkinitramfs -o /mnt/initrd "$version"
  cp "/boot/vmlinuz-$version" /mnt/vmlinuz
done
