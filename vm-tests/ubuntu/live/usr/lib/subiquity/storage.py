"""The storage section as actions of curtin: disk, partition, format, mount. No layouts, no LVM, no RAID."""

import os
import re

import disks
from commands import InstallError, run, target, write_target

# GPT partition types. Source: UEFI specification 2.10, 5.3.3; GRUB's manual, "BIOS installation"; systemd's list.
types = {
    "boot": "C12A7328-F81F-11D2-BA4B-00A0C93EC93B",
    "bios_grub": "21686148-6449-6E6F-744E-656564454649",
    "swap": "0657FD6D-A4AB-43C4-84E5-0933C84B4F4F",
    "linux": "0FC63DAF-8483-4772-8E79-3D69D8477DE4",
}
makers = {
    "fat32": ("vfat", ["mkfs.vfat", "-F", "32"], "-n"),
    "ext4": ("ext4", ["mkfs.ext4", "-F", "-q"], "-L"),
    "swap": ("swap", ["mkswap"], "-L"),
}
sector = 512


class Storage:
    """What the section asks for, read once: the disks that it means and its actions by id."""

    def __init__(self, section, is_uefi):
        if "config" not in section:
            raise InstallError("this stand-in knows no storage but a config")
        self._actions = section["config"]
        self._by_id = {action["id"]: action for action in self._actions}
        self._swap = section.get("swap", {})
        self._disks = disks.choose(self._of("disk"))
        self._check()
        self._need_loader(is_uefi)

    def _of(self, kind):
        return [action for action in self._actions if action["type"] == kind]

    def _check(self):
        for action in self._actions:
            if action["type"] not in ("disk", "partition", "format", "mount"):
                raise InstallError(f"this stand-in knows no storage action {action['type']}")
            for key in ("device", "volume"):
                if key in action and action[key] not in self._by_id:
                    raise InstallError(f"storage action {action['id']} refers to {action[key]}, which is not there")
        for disk in self._of("disk"):
            if any(part["size"] == -1 for part in self._partitions(disk)[:-1]):
                raise InstallError("Exception: size -1 is for the last partition alone")

    def _need_loader(self, is_uefi):
        flag, devices = ("boot", self._of("partition")) if is_uefi else ("bios_grub", self._of("disk"))
        flagged = any(part.get("flag") == flag for part in self._of("partition"))
        if not flagged or not any(device.get("grub_device") for device in devices):
            raise InstallError("autoinstall config did not create needed bootloader partition")

    def _partitions(self, disk):
        return [part for part in self._of("partition") if part["device"] == disk["id"]]

    def _path(self, action):
        """Of the device that an action is about."""
        if action["type"] == "disk":
            return self._disks[action["id"]].path
        disk = self._by_id[action["device"]]
        return self._disks[disk["id"]].partition(self._partitions(disk).index(action) + 1)

    def grub_disks(self):
        return [self._path(action) for action in self._of("disk") if action.get("grub_device")]

    def apply(self, context):
        """Partitions, makes file systems and mounts them, in curtin's words."""
        with context.child("clear-holders", "removing previous storage devices"):
            for disk in self._of("disk"):
                for path in [*_existing_partitions(self._path(disk)), self._path(disk)]:
                    run("wipefs", "--all", "--force", path)
        for disk in self._of("disk"):
            with context.child("", f"configuring disk: {disk['id']}"):
                self._partition(disk)
        for action in self._actions:
            if action["type"] in ("partition", "format"):
                with context.beside(f"configuring {action['type']}: {action['id']}"):
                    # The partition is there: sfdisk made those of the disk together.
                    if action["type"] == "format":
                        self._format(action)
        for mount in self._mounts():
            with context.beside(f"configuring mount: {mount['id']}"):
                place = target + mount["path"]
                os.makedirs(place, exist_ok=True)
                run("mount", "-o", mount.get("options", "defaults"), self._volume(mount), place)

    def _mounts(self):
        places = [mount for mount in self._of("mount") if mount["path"] != "none"]
        return sorted(places, key=lambda mount: mount["path"])

    def _partition(self, disk):
        if disk.get("ptable", "gpt") != "gpt":
            raise InstallError(f"this stand-in knows no partition table {disk['ptable']}")
        whole = self._disks[disk["id"]]
        lines = ["label: gpt", "unit: sectors"]
        for part in self._partitions(disk):
            size = part["size"]
            words = [] if size == -1 else [f"size={_bytes(size, whole.bytes) // sector}"]
            lines.append(", ".join([*words, f"type={types.get(part.get('flag'), types['linux'])}"]))
        run("sfdisk", "--wipe", "always", "--wipe-partitions", "always", whole.path, text_in="\n".join(lines) + "\n")
        run("udevadm", "settle")

    def _format(self, action):
        if action["fstype"] not in makers:
            raise InstallError(f"this stand-in knows no file system {action['fstype']}")
        _type, words, label = makers[action["fstype"]]
        run(*words, *([label, action["label"]] if "label" in action else []), self._path(self._by_id[action["volume"]]))
        run("udevadm", "settle")

    def _volume(self, mount):
        return self._path(self._by_id[self._by_id[mount["device"]]["volume"]])

    def write_fstab(self):
        lines = []
        for mount in [*self._mounts(), *(each for each in self._of("mount") if each["path"] == "none")]:
            device = self._volume(mount)
            uuid = run("blkid", "-s", "UUID", "-o", "value", device).strip()
            kind = makers[self._by_id[mount["device"]]["fstype"]][0]
            options = mount.get("options", "sw" if kind == "swap" else "defaults")
            lines.append(f"# {mount['path']} was on {device} during curtin installation")
            lines.append(f"/dev/disk/by-uuid/{uuid} {mount['path']} {kind} {options} 0 1")
        if os.path.exists(f"{target}/swap.img"):
            lines.append("/swap.img\tnone\tswap\tsw\t0\t0")
        write_target("/etc/fstab", "\n".join(lines) + "\n")

    def make_swap_file(self):
        """Without `swap: {size: 0}` there is one; curtin's is as large as memory asks for, this one is small."""
        if str(self._swap.get("size")) == "0" or any(action.get("fstype") == "swap" for action in self._of("format")):
            return
        run("fallocate", "--length", "64MiB", f"{target}/swap.img")
        os.chmod(f"{target}/swap.img", 0o600)
        run("mkswap", f"{target}/swap.img")


def _existing_partitions(disk):
    lines = run("lsblk", "--noheadings", "--raw", "--output", "PATH,TYPE", disk).splitlines()
    return [line.split()[0] for line in lines if line.split()[1] == "part"]


def _bytes(size, whole):
    """size: bytes, or a text such as `512M`, `1.5G`, `50%`. whole: of the disk, bytes."""
    form = re.fullmatch(r"([0-9.]+)\s*(%|[BKMGT]?)B?", str(size).upper())
    if form is None:
        raise InstallError(f"invalid size {size!r}")
    number, unit = float(form[1]), form[2]
    return int(whole * number / 100) if unit == "%" else int(number * 1024 ** "BKMGT".index(unit or "B"))
