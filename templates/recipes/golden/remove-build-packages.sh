# shellcheck shell=sh
# After the image layer, whose commands needed them: packages of the build, and what came for them alone. What stays is
# what the image was asked for, with what that depends on.
dpkg-query -W -f '${Package}\n' | xargs apt-mark auto >/dev/null
xargs apt-mark manual </run/imagectl/packages-that-stay >/dev/null
# A newest kernel's headers are never removed by autoremove alone.
xargs apt-get -q -y purge </run/imagectl/build-packages
apt-get -q -y -o APT::Protect-Kernels=false -o APT::AutoRemove::RecommendsImportant=false \
  -o APT::AutoRemove::SuggestsImportant=false autoremove --purge
for kernel in /boot/vmlinuz-*; do
  depmod "${kernel#/boot/vmlinuz-}"
done
