#!/bin/sh
# Runs /run/imagectl/run inside a root that is being built. Started in namespaces of its own, so that the mounts
# made here end with it, whatever happens.
#
#   enter-root.sh ROOT FOLDER     FOLDER becomes /run/imagectl, read-only
#
# There is no /sys, so that nothing can look at the machine that builds.
set -eu
umask 022
root=$1 folder=$2

mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
mount -t tmpfs -o mode=755,size=1m dev "$root/dev"
for node in null zero full random urandom tty; do
  : >"$root/dev/$node"
  mount --bind "/dev/$node" "$root/dev/$node"
done
ln -s /proc/self/fd "$root/dev/fd"
ln -s /proc/self/fd/0 "$root/dev/stdin"
ln -s /proc/self/fd/1 "$root/dev/stdout"
ln -s /proc/self/fd/2 "$root/dev/stderr"
mount -t tmpfs -o mode=755 run "$root/run"
mount -t tmpfs -o mode=1777 tmp "$root/tmp"
mkdir "$root/run/imagectl"
mount --bind "$folder" "$root/run/imagectl"
mount -o remount,bind,ro "$root/run/imagectl"

cd /
exec chroot "$root" /bin/sh -eu /run/imagectl/run
