# shellcheck shell=sh
# Once, at the end: the kernel's package was told not to make one.
for modules in /lib/modules/*/; do
  version=${modules%/}
  update-initramfs -c -k "${version##*/}"
done
