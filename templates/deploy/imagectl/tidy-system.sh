# shellcheck shell=sh
# Runs in a system that an installer made: what no golden image has, and no role takes away, goes.

# The plan's network is systemd-networkd's: both would set up the same card. The others tell Debian of this machine.
for package in ifupdown installation-report popularity-contest; do
  ! dpkg-query --show "$package" >/dev/null 2>&1 || apt-get -q -y purge "$package"
done
rm -rf /etc/network/interfaces /etc/network/interfaces.d /etc/network/interfaces.new
# The proxy that its own packages came by; roles say by which way later ones come.
rm -f /etc/apt/apt.conf
# What is on a disc was believed while there was one.
rm -f /etc/apt/apt.conf.d/00trustcdrom
# Ubuntu's installer leaves its own network, and a cloud-init that would ask for more at the first start.
rm -f /etc/apt/apt.conf.d/90curtin-aptproxy /etc/netplan/*.yaml /etc/cloud/cloud.cfg.d/90-installer-network.cfg \
  /etc/cloud/cloud.cfg.d/99-installer.cfg
if [ -d /etc/cloud ] && ! grep -qx cloud-init /run/imagectl-image-layer/imagectl/packages; then
  touch /etc/cloud/cloud-init.disabled
fi
# A node that comes up at three in the morning does nothing that nobody asked for.
for unit in dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service motd-news.timer; do
  [ ! -e "/lib/systemd/system/$unit" ] || systemctl --quiet disable "$unit"
done
# Each node makes its own; an empty one is filled at the first start.
: >/etc/machine-id
rm -f /var/lib/dbus/machine-id
# As of an image: what reads all indexes at each start would take long, and they are of another day.
apt-get clean
rm -rf /var/lib/apt/lists/*
