# shellcheck shell=sh
# After the packages, before the image layer of the plan: what makes an installed system a bootable image.

# What mmdebstrap set for itself.
rm -f /etc/apt/apt.conf.d/99mmdebstrap /etc/dpkg/dpkg.cfg.d/99mmdebstrap /etc/apt/sources.list
install -m 644 /run/imagectl/apt-sources.list /etc/apt/sources.list.d/imagectl.list
# Packages that come later leave out the same as those of the image.
install -m 644 /run/imagectl/dpkg-excludes /etc/dpkg/dpkg.cfg.d/imagectl-excludes

# Until here it did nothing: setup.sh.
rm /usr/sbin/update-initramfs
dpkg-divert --quiet --local --rename --remove /usr/sbin/update-initramfs

# The initramfs carries every server's drivers, not those of the machine that builds.
install -m 755 /run/imagectl/initramfs-hook /etc/initramfs-tools/hooks/imagectl-drivers
printf 'MODULES=most\nFSTYPE=ext4\nCOMPRESS=zstd\n' >/etc/initramfs-tools/conf.d/imagectl

# New packages of shim and GRUB write nothing into the EFI system partitions by themselves.
install -D -m 755 /run/imagectl/update-loaders /usr/lib/imagectl/update-loaders
cat >/etc/dpkg/dpkg.cfg.d/imagectl-loaders <<'HOOK'
post-invoke="/usr/lib/imagectl/update-loaders || echo 'imagectl: the loaders could not be updated' >&2"
HOOK

# A node that comes up at three in the morning does nothing that nobody asked for.
for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service \
  motd-news.timer; do
  [ ! -e "/lib/systemd/system/$unit" ] || systemctl --quiet disable "$unit"
done

# Neutral until the node layer says better. mmdebstrap copied the build machine's files, with their modes.
rm -f /etc/hostname /etc/hosts /etc/resolv.conf
echo localhost >/etc/hostname
printf '127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n' >/etc/hosts
: >/etc/resolv.conf
