# shellcheck shell=dash
# The root on two disks: one array of their root partitions, which the installed system finds by its UUID.

# RAID 1 with its superblock 4 KiB into each half (1.2). The halves are not compared first (--assume-clean): that takes
# hours on large disks, and a file system reads only what it has written, which is on both. The bitmap makes a half
# that was away catch up in seconds.
step_make_mirror() {
  modprobe raid1
  set --
  for disk in $disks; do
    set -- "$@" "$(partition_of "$root_number")"
  done
  MDADM_NO_UDEV=1 mdadm --create /dev/md0 --run --level=1 --raid-devices="$#" --metadata=1.2 --bitmap=internal \
    --homehost=any --name=root --assume-clean "$@"
  wait_for_device /dev/md0
  echo /dev/md0 >"$run/root-device"
}

# The system assembles this array and no other: what another disk carries stays as it is. The initramfs of the image
# gets the same file as an archive of its own behind it; the next update-initramfs makes one of both.
step_name_mirror() {
  array=$(mdadm --detail --export /dev/md0 | sed -n 's/^MD_UUID=//p')
  echo "ARRAY /dev/md/root metadata=1.2 UUID=$array" >>"$target/etc/mdadm/mdadm.conf"
  # A kernel finds an archive behind another one at a multiple of four bytes
  # (Documentation/driver-api/early-userspace/buffer-format.rst).
  in_target sh -eu <<'ADD'
cd /
for initrd in /boot/initrd.img-*; do
  truncate --size=%4 "$initrd"
  printf '%s\n' etc etc/mdadm etc/mdadm/mdadm.conf | cpio --quiet --create --format=newc >>"$initrd"
done
ADD
}

# stop_mirror: without this, the first start would find it dirty and compare its halves.
stop_mirror() {
  [ "$(cat "$run/root-device")" != /dev/md0 ] || mdadm --stop /dev/md0
}
