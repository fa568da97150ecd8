#!/bin/sh
# Runs a script in layers that lie over each other, as root, in namespaces that end with it.
# $1: lower layers, topmost first, with colons between. $2: takes what is written. $3: a folder to see as /mnt.
# The others: words for the script, which comes on standard input.
set -eu
lower=$1 upper=$2 mnt=$3
shift 3
root=$upper.root work=$upper.work
mkdir -p "$upper" "$root" "$work"
mount --make-rprivate /
mount -t overlay overlay -o "lowerdir=$lower,upperdir=$upper,workdir=$work" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount --bind /dev "$root/dev"
mount --bind "$mnt" "$root/mnt"
for folder in run tmp; do mount -t tmpfs tmpfs "$root/$folder"; done
exec chroot "$root" sh -s "$@"
