"""The autoinstall document: where it comes from, and what is asked of it as a whole."""

import json
import os

import yaml

from commands import InstallError, read, write

place = "/autoinstall.yaml"
merged_config = "/run/cloud-init/combined-cloud-config.json"

# Of the schema of 24.04.4's subiquity. Others are warned of, and ignored.
known_keys = set(
    """active-directory apt codecs debconf-selections drivers early-commands error-commands identity
    interactive-sections kernel keyboard late-commands locale network oem packages proxy refresh-installer reporting
    shutdown snaps source ssh storage timezone ubuntu-advantage ubuntu-pro updates user-data version""".split()
)

# Beside `autoinstall:` they mean something to cloud-init.
cloud_keys = {"apt", "drivers", "keyboard", "locale", "packages", "reporting", "ssh", "timezone", "updates"}


def find():
    """Copies what cloud-init got to where it is read from. Returns False where there is none."""
    if not os.path.exists(place):
        config = json.loads(read(merged_config))
        if "autoinstall" in config:
            misplaced = sorted(set(config) & (known_keys - cloud_keys))
            if misplaced:
                raise InstallError(f"Misplaced autoinstall directives: {', '.join(misplaced)}")
            write(place, yaml.safe_dump(config["autoinstall"]), 0o644)
        elif os.path.exists("/cdrom/autoinstall.yaml"):
            write(place, read("/cdrom/autoinstall.yaml"), 0o644)
        else:
            return False
    return True


def load():
    document = yaml.safe_load(read(place))
    if isinstance(document, dict) and set(document) == {"autoinstall"}:
        return document["autoinstall"]
    return document


def dump(document):
    """As it is kept in the log: under its own key, whatever was beside it."""
    return yaml.safe_dump({"autoinstall": document})


def unknown_keys(document):
    """Raises InstallError for what the schema refuses of the document as a whole."""
    if not isinstance(document, dict):
        raise InstallError("Malformed autoinstall: it is no mapping")
    if document.get("version") != 1 or isinstance(document.get("version"), bool):
        raise InstallError("Malformed autoinstall in 'version or interactive-sections' section")
    return sorted(set(document) - known_keys)


def check_sections(document):
    """Raises InstallError where a section is missing that there is no way without."""
    if "identity" not in document and "user-data" not in document:
        raise InstallError("Malformed autoinstall: neither 'identity' nor 'user-data' is there")
    for section in ("early-commands", "late-commands", "error-commands"):
        if not all(isinstance(command, (str, list)) for command in document.get(section, [])):
            raise InstallError(f"Malformed autoinstall in '{section}' section")


def confirmed(kernel_line):
    """Whether the bare word is on the kernel's line: without it, somebody is asked before a disk is written to."""
    return "autoinstall" in kernel_line.split()
