# shellcheck shell=sh
# The deploy environment as a folder for a chroot, for installers that run on another kernel and call it at their turns:
# without modules, firmware and what only starts a machine.
unmkinitramfs /out/initrd.img /unpacked
unpacked=/unpacked
[ ! -d /unpacked/main ] || unpacked=/unpacked/main
environment=/environment
cp -a "$unpacked" "$environment"
for part in init conf scripts run usr/lib/modules usr/lib/firmware usr/lib/udev; do
  rm -rf "${environment:?}/$part"
done
for part in dev proc run sys target tmp; do
  mkdir -p "$environment/$part"
done
