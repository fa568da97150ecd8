#!/bin/sh
# Installs packages into the live session's layer, from the folder /mnt, in a chroot. $@: their names.
set -eu
echo 'deb [trusted=yes] copy:/mnt ./' >/tmp/sources.list
set -- -o Dir::Etc::sourcelist=/tmp/sources.list -o APT::Sandbox::User=root -o APT::Install-Recommends=false "$@"
export DEBIAN_FRONTEND=noninteractive
apt-get -q update -o Dir::Etc::sourcelist=/tmp/sources.list -o APT::Sandbox::User=root
apt-get -q --yes install "$@"
# Each session makes its own, and none of the timers' work is wanted while it lasts.
rm -f /etc/ssh/ssh_host_* /tmp/sources.list
systemctl mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer
apt-get clean
rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin
