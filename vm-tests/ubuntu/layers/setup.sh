#!/bin/sh
# Before the first package. $1: the root, still empty.
set -eu
mkdir -p "$1/etc" "$1/boot"
printf 'do_symlinks = no\n' >"$1/etc/kernel-img.conf"
