#!/bin/sh
# Boots a root filesystem's own systemd in the namespaces that start-root.sh made.
# Arguments: LOWER UPPER WORK ROOT. LOWER is never written: the overlay's upper folder takes all changes.
# The kernel is shared with the host, so what is not in a namespace is kept from this system: /proc/sys is
# read-only except net/, and the clock, modules, reboot and the kernel log are capabilities that it lacks.
set -eu
lower=$1 upper=$2 work=$3 root=$4
console=$(tty)
# Our pid as the host sees it, while /proc is still the host's. It goes out by a file: what init finds unread on the
# console it throws away.
read -r pid _ </proc/self/stat
exec 3>"${root%/*}/init"

mount --make-rprivate /
mount -t overlay overlay -o "lowerdir=$lower,upperdir=$upper,workdir=$work" "$root"
cd "$root"

mount -t proc -o nosuid,nodev,noexec proc proc
mount -t tmpfs -o mode=755,nosuid,nodev tmpfs run
# A second proc has a writable sys/net to bind over the read-only sys.
mkdir run/proc
mount -t proc proc run/proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount --bind run/proc/sys/net proc/sys/net
umount run/proc
rmdir run/proc

mount -t sysfs -o nosuid,nodev,noexec,ro sysfs sys
mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 sys/fs/cgroup

mount -t tmpfs -o mode=755,nosuid tmpfs dev
for device in null:1:3 zero:1:5 full:1:7 random:1:8 urandom:1:9 tty:5:0; do
  name=${device%%:*} numbers=${device#*:}
  mknod -m 666 "dev/$name" c "${numbers%:*}" "${numbers#*:}"
done
# systemd's automount units.
mknod -m 600 dev/autofs c 10 235
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s /proc/self/fd/0 dev/stdin
ln -s /proc/self/fd/1 dev/stdout
ln -s /proc/self/fd/2 dev/stderr
# The terminal that the caller gave us is the machine's console.
touch dev/console
mount --bind "$console" dev/console

# A getty here would hang up its terminal (vhangup(2)), which is the one that carries the console out.
mkdir -p run/systemd/system
ln -s /dev/null run/systemd/system/console-getty.service
# Without the capability to set the clock chronyd is not started at all; with -x it runs and sets nothing.
mkdir run/systemd/system/chrony.service.d
printf '[Unit]\nConditionCapability=\n[Service]\nExecStart=\nExecStart=!/usr/sbin/chronyd -x $DAEMON_OPTS\n' \
  >run/systemd/system/chrony.service.d/lab.conf
echo lxc >run/systemd/container
mkdir -m 700 run/host-root
pivot_root . run/host-root
cd /
umount -l /run/host-root
rmdir /run/host-root
# From this line on whoever enters our namespaces is on the machine and no longer on the host.
echo "$pid" >&3
exec 3>&-
exec env -i container=lxc PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb \
  setpriv --bounding-set -sys_time,-sys_module,-sys_boot,-syslog,-mac_admin,-mac_override /sbin/init
