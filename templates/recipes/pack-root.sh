#!/bin/sh
# Packs a root into one archive: equal roots give equal bytes.
#
#   pack-root.sh ROOT ARCHIVE EPOCH
#
# Names sorted, owners as numbers, nothing newer than EPOCH. Of the extended attributes only file capabilities are
# kept: ACLs are set by systemd-tmpfiles at boot. What is mounted over at boot is kept as an empty folder.
set -eu
root=$1 archive=$2 epoch=$3

cd "$root"
{
  tar --create --format=posix --sort=name --numeric-owner \
    --pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime \
    --xattrs --xattrs-include='security.capability' \
    --mtime="@$epoch" --clamp-mtime \
    --exclude='./dev/*' --exclude='./proc/*' --exclude='./run/*' --exclude='./sys/*' --exclude='./tmp/*' \
    . || echo failed >"$archive.failed"
} | zstd -3 -T0 --quiet -o "$archive"
[ ! -e "$archive.failed" ]
