# shellcheck shell=dash
# Disks that hold data: one made anew, or one that is only mounted.

# Type: Discoverable Partitions Specification, generic Linux data.
step_make_data_disk() {
  sfdisk --wipe always --wipe-partitions always "$disk" <<TABLE
label: gpt
type=0FC63DAF-8483-4772-8E79-3D69D8477DE4, name=$name
TABLE
  device=$(partition_of 1)
  wait_for_device "$device"
  case $filesystem in
    ext4) mke2fs -q -F -t ext4 -O "$old_enough" -E nodiscard,lazy_itable_init=1 "$device" ;;
    # Linux 5.15 mounts none with nrext64.
    xfs) mkfs.xfs -q -f -K -i nrext64=0 "$device" ;;
    *)
      echo "this deploy environment makes no $filesystem"
      return 64
      ;;
  esac
  add_mount "$(uuid_of "$device")"
}

step_keep_data_disk() {
  found=$(uuid_of "$device")
  if [ "$found" != "$uuid" ]; then
    echo "$device has the UUID $found, expected $uuid"
    return 1
  fi
  add_mount "$uuid"
}

# add_mount UUID: the node starts without the disk, too. Nothing waits for a nofail mount, so half a minute costs no
# time, and disks that come up late (emulated ones, too) are still mounted.
add_mount() {
  mkdir -p "$target$mount"
  echo "UUID=$1 $mount $filesystem defaults,nofail,x-systemd.device-timeout=30s 0 2" >>"$target/etc/fstab"
}
