"""GRUB in the target, as curtin installs it, and the words that its kernel gets."""

import os
import re

from commands import in_target, read, write_target

# Ubuntu's signed GRUB looks for its configuration in EFI/ubuntu and nowhere else.
loader_id = "ubuntu"


def carry_over(line):
    """The words of the live session's kernel line that the installed system keeps (curtin, get_carryover_params)."""
    lead, *sections = line.split(" --- ")
    extra = [word for word in " ".join(sections).split() if not re.match("BOOTIF=|initrd=|BOOT_IMAGE=", word)]
    consoles = [word for word in lead.split() if word.startswith("console=") and word not in extra]
    return consoles + extra


def is_uefi():
    return os.path.isdir("/sys/firmware/efi")


def configure():
    words = " ".join(carry_over(read("/proc/cmdline").strip()))
    text = f'GRUB_CMDLINE_LINUX_DEFAULT="{words}"\nGRUB_DISABLE_OS_PROBER="true"\n'
    write_target("/etc/default/grub.d/50-curtin-settings.cfg", text)


def install(grub_disks):
    """grub_disks: device paths, for BIOS. With UEFI it goes to /boot/efi, and its boot entry comes first."""
    if is_uefi():
        in_target("grub-install", "--target=x86_64-efi", "--efi-directory=/boot/efi", f"--bootloader-id={loader_id}")
    else:
        for disk in grub_disks:
            in_target("grub-install", "--target=i386-pc", disk)
    in_target("update-grub")
