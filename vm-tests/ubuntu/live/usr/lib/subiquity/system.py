"""What is done to the installed system beside its disks and its boot loader."""

import glob
import os
import shutil
import urllib.request
import uuid

import yaml

from commands import InstallError, apt_in_target, in_target, logs, read, run, target, write, write_target

codename = "noble"
default_mirror = "http://archive.ubuntu.com/ubuntu"
default_security = "http://security.ubuntu.com/ubuntu"
components = "main restricted universe multiverse"
keyring = "/usr/share/keyrings/ubuntu-archive-keyring.gpg"

default_network = {
    "version": 2,
    "ethernets": {
        "zz-all-en": {"match": {"name": "en*"}, "dhcp4": True},
        "zz-all-eth": {"match": {"name": "eth*"}, "dhcp4": True},
    },
}


def find_source(section):
    """Returns the names of the layers of what is to be installed, lowest first."""
    catalogue = yaml.safe_load(read("/cdrom/casper/install-sources.yaml"))
    sources = catalogue["sources"] if isinstance(catalogue, dict) else catalogue
    wanted = section.get("id")
    for source in sources:
        if source["id"] == wanted or (wanted is None and source.get("default")):
            parts = source["path"].removesuffix(".squashfs").split(".")
            return [".".join(parts[: count + 1]) + ".squashfs" for count in range(len(parts))]
    raise InstallError(f"Couldn't find source for id '{wanted}'")


def extract(layers):
    for layer in layers:
        run("unsquashfs", "-quiet", "-no-progress", "-force", "-dest", target, f"/cdrom/casper/{layer}")


class Apt:
    """The apt section and the proxy."""

    def __init__(self, section, proxy):
        self._section = section
        self._proxy = proxy
        self._is_offline = False
        mirrors = [*section.get("mirror-selection", {}).get("primary", []), *section.get("primary", [])]
        uris = [mirror["uri"] for mirror in mirrors if isinstance(mirror, dict)]
        self._primary = uris[0] if uris else default_mirror
        security = section.get("security", [])
        self._security = security[0]["uri"] if security else default_security

    def test_mirror(self, context):
        """Raises InstallError where it does not answer and `fallback: abort` asks for that."""
        url = f"{self._primary.rstrip('/')}/dists/{codename}/Release"
        proxies = {"http": self._proxy} if self._proxy else {}
        opener = urllib.request.build_opener(urllib.request.ProxyHandler(proxies))
        try:
            opener.open(urllib.request.Request(url, method="HEAD"), timeout=60).close()
        except (OSError, ValueError) as error:
            fallback = self._section.get("fallback", "offline-install")
            if fallback == "abort":
                raise InstallError(f"aborting: mirror {url} does not answer: {error}") from error
            context.warning(f"mirror {url} does not answer: {error}")
            self._is_offline = fallback == "offline-install"

    def configure(self):
        if self._proxy:
            text = f'Acquire::http::Proxy "{self._proxy}";\nAcquire::https::Proxy "{self._proxy}";\n'
            write_target("/etc/apt/apt.conf.d/90curtin-aptproxy", text)
        if self._is_offline:
            return
        places = [(self._primary, f"{codename} {codename}-updates"), (self._security, f"{codename}-security")]
        stanzas = [
            f"Types: deb\nURIs: {uri}\nSuites: {suites}\nComponents: {components}\nSigned-By: {keyring}\n"
            for uri, suites in places
        ]
        write_target("/etc/apt/sources.list.d/ubuntu.sources", "\n".join(stanzas))

    def install(self, packages, context):
        """Each by itself, as subiquity does; without a package the indexes are not fetched, which is long emulated."""
        if packages:
            apt_in_target("update")
        for package in packages:
            with context.child(f"install_{package}", f"installing {package}") as step:
                with step.child("retrieving", f"retrieving {package}") as part:
                    with part.child("cmd-system-install", "curtin command system-install"):
                        apt_in_target("install", "--download-only", package)
                with step.child("unpacking", f"unpacking {package}") as part:
                    with part.child("cmd-system-install", "curtin command system-install"):
                        apt_in_target("install", package)


def network_of(document):
    """The section's netplan, with or without netplan's own top level key."""
    section = document.get("network", default_network)
    return {"network": section.get("network", section)}


def apply_network(netplan):
    """In the live session, whose other configuration steps aside."""
    for path in glob.glob("/etc/netplan/*.yaml"):
        os.rename(path, f"{path}.dist-subiquity")
    write("/etc/netplan/00-installer-config.yaml", yaml.safe_dump(netplan), 0o600)
    run("netplan", "apply")


def write_network(netplan):
    text = yaml.safe_dump(netplan)
    write_target("/etc/netplan/50-cloud-init.yaml", text, 0o600)
    write_target("/etc/cloud/cloud.cfg.d/90-installer-network.cfg", text, 0o600)


def set_locale(locale):
    if locale:
        write_target("/etc/default/locale", f"LANG={locale}\n")


def add_user(identity):
    """At once, unlike the users of user-data, whom cloud-init makes at the first boot."""
    name = identity["username"]
    in_target("useradd", "--create-home", "--shell", "/bin/bash", "--groups", "adm,sudo", name)
    run("curtin", "in-target", "--", "chpasswd", "-e", text_in=f"{name}:{identity['password']}\n")
    write_target("/etc/hostname", f"{identity['hostname']}\n")


def configure_cloud_init(document, release):
    """release: of the ISO, `24.04`."""
    config = {"growpart": {"mode": "off"}, "resize_rootfs": False}
    if "identity" in document:
        config["preserve_hostname"] = True
    else:
        # There is no user but those that user-data makes.
        config["users"] = []
    ssh = document.get("ssh", {})
    keys = ssh.get("authorized-keys", [])
    if keys:
        config["ssh_authorized_keys"] = keys
    if ssh.get("install-server"):
        config["ssh_pwauth"] = ssh.get("allow-pw", not keys)
    config.update(document.get("user-data") or {})
    if release != "22.04":
        text = "Disabled by Ubuntu live installer after first boot.\n"
        disabled = {"path": "/etc/cloud/cloud-init.disabled", "content": text, "defer": True}
        config["write_files"] = [*config.get("write_files", []), disabled]
    data = {"metadata": {"instance-id": str(uuid.uuid4())}, "userdata_raw": f"#cloud-config\n{yaml.safe_dump(config)}"}
    text = yaml.safe_dump({"datasource_list": ["None"], "datasource": {"None": data}})
    write_target("/etc/cloud/cloud.cfg.d/99-installer.cfg", text, 0o600)
    write_target("/etc/cloud/ds-identify.cfg", "policy: enabled\n")
    write_target("/etc/machine-id", read("/etc/machine-id"), 0o444)


def copy_media_info():
    os.makedirs(f"{target}{logs}", exist_ok=True)
    shutil.copy("/cdrom/.disk/info", f"{target}{logs}/media-info")


def copy_logs():
    """After the late-commands: what one of them removed in the target is back, unless it removed it here as well."""
    for name in ("cloud-init.log", "cloud-init-output.log"):
        shutil.copy(f"/var/log/{name}", f"{logs}/{name}")
    run("cp", "-aT", logs, f"{target}{logs}")
    write_target(f"{logs}/installer-journal.txt", run("journalctl", "-b"), 0o640)
    in_target("chgrp", "adm", logs)
    os.chmod(f"{target}{logs}", 0o770)
