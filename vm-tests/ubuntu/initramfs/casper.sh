# shellcheck shell=sh
# A stand-in for casper's boot script: /init sources it where a root is to be mounted. It knows one way to the ISO, by
# HTTP into memory, and says on the console what it does. Names and behaviour: casper 1.470, and livecd-rootfs's list of
# words of the kernel's line.

mountpoint=/cdrom

# The layer and the number are those of the initramfs's own configuration; the line may choose others.
casper_parse()
{
	UUID=$(cat /conf/uuid.conf)
	ISO_URL=
	# shellcheck disable=SC2013 # words are what is wanted
	for word in $(cat /proc/cmdline); do
		case $word in
			url=*.iso) ISO_URL=${word#*=} ;;
			layerfs-path=*) LAYERFS_PATH=${word#*=} ;;
			ignore_uuid) UUID= ;;
		esac
	done
}

casper_say() { echo "casper: $*" >/dev/console; }

# Into /, which is memory, as casper does: half of it is what the kernel gives to a tmpfs.
casper_fetch()
{
	[ -n "$ISO_URL" ] || return 1
	modprobe -q af_packet
	udevadm trigger
	udevadm settle
	configure_networking
	iso=/$(basename "$ISO_URL")
	casper_say "fetching $ISO_URL"
	wget -q -O "$iso" "$ISO_URL" 2>/dev/console || return 1
	mkdir -p "$mountpoint"
	modprobe -q loop
	mount -t iso9660 -o ro,loop "$iso" "$mountpoint" || return 1
	casper_matches
}

casper_matches()
{
	[ -n "$UUID" ] || return 0
	for file in "$mountpoint"/.disk/casper-uuid*; do
		[ "$(cat "$file")" = "$UUID" ] && return 0
	done
	casper_say "this ISO is not the one that this initrd belongs to"
	return 1
}

# a.b.c.squashfs lies over a.b.squashfs, which lies over a.squashfs.
casper_layers()
{
	lower=
	name=
	for part in $(echo "${LAYERFS_PATH%.squashfs}" | tr . ' '); do
		name=${name:+$name.}$part
		casper_say "layer $name.squashfs"
		mkdir -p "/$name"
		mount -t squashfs -o ro,loop "$mountpoint/casper/$name.squashfs" "/$name" || return 1
		lower=/$name${lower:+:$lower}
	done
	mkdir -p /cow
	mount -t tmpfs tmpfs /cow || return 1
	mkdir -p /cow/upper /cow/work
	# shellcheck disable=SC2154 # /init's
	mount -t overlay -o "lowerdir=$lower,upperdir=/cow/upper,workdir=/cow/work" /cow "$rootmnt"
}

# Sourced by /init, which is process 1, so nothing here may end; panic gives a shell or, with panic= on the line, reboots.
mountroot()
{
	casper_parse
	casper_fetch || panic "Unable to find a live file system on the network"
	casper_layers || panic "casper: $LAYERFS_PATH and what lies under it cannot be mounted"
	mkdir -p "$rootmnt$mountpoint"
	mount -o move "$mountpoint" "$rootmnt$mountpoint"
	casper_say "the live session begins"
}

mount_top() { :; }
mount_premount() { :; }
mount_bottom() { :; }
