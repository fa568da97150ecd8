# shellcheck shell=sh
# Before the first package: what packages read while they are installed.
# $1: the root, still empty.
set -eu
mkdir -p "$1/etc" "$1/boot"
# GRUB finds kernels in /boot by itself; links in / would be one more place to keep right.
printf 'do_symlinks = no\n' >"$1/etc/kernel-img.conf"
