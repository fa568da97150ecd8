# shellcheck shell=dash
# Clock and disks: what earlier systems built is stopped on all of them, and one is wiped, divided and formatted.

# Partitions by number: step_partition_disk makes them in this order.
esp_number=2
root_number=3

# Whole seconds, from the bastion: certificates and file times are wrong on a machine whose battery is empty.
step_set_clock() {
  session_request clock GET "$seed/clock"
  busybox date -u -s "@$(head -c 20 "$run/clock.answer")"
  busybox hwclock -u -w || echo "this machine keeps no clock; it is set again after each start"
}

# Stops what is stacked on the disks that will be written (device-mapper, MD), without writing to the disks below.
# What lies on other disks is none of our business.
step_release_disks() {
  swapoff -a
  for _ in 1 2 3 4 5; do
    devices=$(stacked_devices)
    [ -n "$devices" ] || break
    for stacked in $devices; do
      echo "stopping $stacked"
      case $stacked in
        md*) mdadm --stop "/dev/$stacked" || true ;;
        dm-*) dmsetup remove --retry "$(cat "/sys/block/$stacked/dm/name")" || true ;;
      esac
    done
  done
  devices=$(stacked_devices)
  if [ -n "$devices" ]; then
    echo "still in use: $devices"
    lsblk
    return 1
  fi
  # From here on the kernel alone makes device nodes: udev would open the disk again after each write to its table.
  udevadm control --exit
}

stacked_devices() {
  for path in /sys/block/md* /sys/block/dm-*; do
    if [ -d "$path" ] && lies_on_our_disks "${path##*/}"; then printf '%s ' "${path##*/}"; fi
  done
}

# lies_on_our_disks NAME: whether one of $disks is below it, at whatever depth.
lies_on_our_disks() {
  below=$(lsblk --inverse --list --noheadings --paths --output NAME "/dev/$1")
  for chosen in $disks; do
    if echo "$below" | grep -qx "$chosen"; then return 0; fi
  done
  return 1
}

step_wipe_disk() {
  kernel_name=${disk#/dev/}
  if grep "^$disk" /proc/mounts /proc/swaps; then
    echo "$disk is in use"
    return 1
  fi
  for holders in "/sys/block/$kernel_name/holders" "/sys/block/$kernel_name/$kernel_name"*/holders; do
    if [ -d "$holders" ] && [ -n "$(ls "$holders")" ]; then
      echo "$disk is in use by $(ls "$holders")"
      return 1
    fi
  done
  lsblk --output NAME,SIZE,MODEL,SERIAL,FSTYPE,LABEL "$disk"
  for partition in "/sys/block/$kernel_name/$kernel_name"*; do
    [ ! -d "$partition" ] || wipefs --all --force "/dev/${partition##*/}"
  done
  wipefs --all --force "$disk"
  # Boot code and what no signature tells lies in the first MiB; the second GPT, old MD and ZFS labels in the last.
  last_mib=$(($(blockdev --getsize64 "$disk") / 1048576 - 1))
  zero_mib 0
  zero_mib "$last_mib"
  blockdev --rereadpt "$disk"
}

# zero_mib N: the Nth MiB of the disk, and what may follow it when N is the last.
zero_mib() {
  dd if=/dev/zero of="$disk" bs=1M seek="$1" count=1 conv=notrunc,fsync status=none
}

# GPT with new random GUIDs. Types: UEFI 2.10 table 5.7 (ESP), GRUB manual "BIOS installation",
# Discoverable Partitions Specification (root x86-64), Linux RAID.
step_partition_disk() {
  case $root in
    mirrored) root_type=A19D880F-05FC-4D3B-A006-743F0F84911E ;;
    *) root_type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709 ;;
  esac
  sfdisk --wipe always --wipe-partitions always "$disk" <<TABLE
label: gpt
size=1MiB, type=21686148-6449-6E6F-744E-656564454649, name=bios
size=512MiB, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, name=esp
type=$root_type, name=root
TABLE
  wait_for_device "$(partition_of "$root_number")"
}

# partition_of NUMBER: its device; a disk's name that ends in a digit gets a "p" between.
partition_of() {
  case $disk in
    *[0-9]) echo "${disk}p$1" ;;
    *) echo "$disk$1" ;;
  esac
}

wait_for_device() {
  tries=0
  until [ -b "$1" ]; do
    tries=$((tries + 1))
    if [ "$tries" -gt 100 ]; then
      echo "the kernel shows no $1"
      return 1
    fi
    sleep 0.1
  done
}

# Features that the tools of this environment may know and those of the system not: GRUB 2.06, e2fsck 1.46 and Linux
# 5.15 of Ubuntu 22.04 refuse such a file system.
old_enough=^metadata_csum_seed,^orphan_file

# Formats an ESP on each disk and the root, and mounts the root. Inode tables are zeroed later, by the running system;
# blocks are not discarded, which takes minutes on some SSDs: fstrim.timer does that once a week.
step_make_filesystems() {
  : >"$run/esp-devices"
  for disk in $disks; do
    mkfs.vfat -F 32 -n ESP "$(partition_of "$esp_number")"
    partition_of "$esp_number" >>"$run/esp-devices"
    # A mirror is the root's device already.
    [ -s "$run/root-device" ] || partition_of "$root_number" >"$run/root-device"
  done
  root_device=$(cat "$run/root-device")
  mke2fs -q -F -t ext4 -O "$old_enough" -L root -E nodiscard,lazy_itable_init=1 "$root_device"
  mkdir -p "$target"
  # Fast rather than safe: until the bootloader is written, a power cut means deploying again anyway.
  mount -t ext4 -o noatime,nobarrier,noinit_itable,data=writeback,commit=60 "$root_device" "$target"
}
