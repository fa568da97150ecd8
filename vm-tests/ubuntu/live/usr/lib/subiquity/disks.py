"""Which disks there are, and which of them an action of the storage section means."""

import os
from fnmatch import fnmatchcase

from commands import InstallError, read, run

# Names of a match and the udev properties that their globs are held against; any other name is ignored, as subiquity
# does: a match that has only such names takes the first disk.
globs = {
    "serial": "ID_SERIAL",
    "model": "ID_MODEL",
    "vendor": "ID_VENDOR",
    "path": "DEVNAME",
    "id_path": "ID_PATH",
    "devpath": "DEVPATH",
}


class Disk:
    def __init__(self, name):
        self.path = f"/dev/{name}"
        self.bytes = int(read(f"/sys/block/{name}/size")) * 512
        self.is_ssd = read(f"/sys/block/{name}/queue/rotational").strip() == "0"
        lines = run("udevadm", "info", "--query=property", f"--name={self.path}").splitlines()
        self.udev = dict(line.split("=", 1) for line in lines)

    def partition(self, number):
        return f"{self.path}{'p' if self.path[-1].isdigit() else ''}{number}"

    def fits(self, match):
        named = [name for name in globs if name in match]
        globbed = all(fnmatchcase(self.udev.get(globs[name], ""), str(match[name])) for name in named)
        return globbed and match.get("ssd", self.is_ssd) == self.is_ssd


def find_disks():
    """In the kernel's order, without what is no disk."""
    names = sorted(os.listdir("/sys/block"))
    return [Disk(name) for name in names if not name.startswith(("loop", "ram", "sr", "zram", "dm-", "md", "fd"))]


def choose(actions):
    """Takes a disk for each disk action, in order; one that is taken is no candidate any more. Returns them by id."""
    left = find_disks()
    chosen = {}
    for action in actions:
        disk = _choose_one(action, left)
        left.remove(disk)
        chosen[action["id"]] = disk
    return chosen


def _choose_one(action, disks):
    if "match" in action:
        matches = action["match"] if isinstance(action["match"], list) else [action["match"]]
        found = next((fitting for fitting in (_order(match, disks) for match in matches) if fitting), [])
    else:
        # Without `match`, what is named is meant exactly.
        exact = {"serial": "ID_SERIAL", "path": "DEVNAME"}
        wanted = {key: action[key] for key in exact if key in action}
        found = [disk for disk in disks if all(disk.udev.get(exact[key]) == text for key, text in wanted.items())]
    if not found:
        raise InstallError(f"Failed to find matching device for {action}")
    return found[0]


def _order(match, disks):
    fitting = [disk for disk in disks if disk.fits(match)]
    if "size" in match:
        fitting.sort(key=lambda disk: disk.bytes, reverse=match["size"] == "largest")
    return fitting
