# shellcheck shell=sh
# Before the first package: what packages read while they are installed.
# $1: the root, still empty.
set -eu
mkdir -p "$1/etc" "$1/boot"
# GRUB finds kernels in /boot by itself; links in / would be one more place to keep right.
printf 'do_symlinks = no\n' >"$1/etc/kernel-img.conf"

# initramfs.sh makes them at the end. NVIDIA's packages would make one for the kernel of the machine that builds, which
# the image has not, and fail.
name=/usr/sbin/update-initramfs
mkdir -p "$1/usr/sbin"
dpkg-divert --root="$1" --quiet --local --no-rename --divert "$name.imagectl" --add "$name"
printf '#!/bin/sh\n' >"$1$name"
chmod 755 "$1$name"
