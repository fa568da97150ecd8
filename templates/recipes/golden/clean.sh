# shellcheck shell=sh
# Nothing of one machine, and nothing of the machine that builds, is in an image.

apt-get clean
rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/debconf/*-old /var/lib/dpkg/*-old
rm -rf /var/cache/ldconfig/aux-cache /var/lib/apt/extended_states.* /var/cache/man

# Each node makes its own. An empty machine-id is filled at the first boot without systemd's first-boot wizard.
: >/etc/machine-id
rm -f /var/lib/dbus/machine-id /var/lib/systemd/random-seed /var/lib/systemd/credential.secret
rm -f /etc/ssh/ssh_host_*_key /etc/ssh/ssh_host_*_key.pub
rm -f /var/lib/dhcp/* /var/lib/dhcpcd/* /var/lib/NetworkManager/*.lease
rm -f /etc/iscsi/initiatorname.iscsi /etc/nvme/hostnqn /etc/nvme/hostid
if command -v cloud-init >/dev/null; then cloud-init clean --logs --machine-id --seed; fi

find /var/log -type f -delete
find /tmp /var/tmp -mindepth 1 -delete
rm -f /root/.bash_history /root/.wget-hsts /etc/.pwd.lock /etc/passwd- /etc/shadow- /etc/group- /etc/gshadow-
rm -f /etc/subuid- /etc/subgid-
