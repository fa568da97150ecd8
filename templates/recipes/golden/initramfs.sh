# shellcheck shell=sh
# Once, at the end: no package made one (setup.sh).
for kernel in /boot/vmlinuz-*; do
  update-initramfs -c -k "${kernel#/boot/vmlinuz-}"
done
