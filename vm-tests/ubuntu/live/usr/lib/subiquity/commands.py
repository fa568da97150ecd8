"""Programs that the installer starts. What they print goes to the log that curtin keeps."""

import os
import subprocess

logs = "/var/log/installer"
curtin_log = f"{logs}/curtin-install.log"
target = "/target"

environment = {**os.environ, "TARGET_MOUNT_POINT": target, "LC_ALL": "C.UTF-8"}


class InstallError(Exception):
    """Ends the installation; its text is what is reported."""


def run(*words, text_in=None):
    """Returns what the program printed. Raises InstallError if it fails, as curtin's ProcessExecutionError reads."""
    with open(curtin_log, "a") as log:
        print(f"Running command {list(words)}", file=log, flush=True)
        done = subprocess.run(words, input=text_in, stdout=subprocess.PIPE, stderr=log, text=True, env=environment)
        log.write(done.stdout)
    if done.returncode != 0:
        raise InstallError(f"Command '{list(words)}' returned non-zero exit status {done.returncode}.")
    return done.stdout


def in_target(*words):
    return run("curtin", "in-target", "--", *words)


def apt_in_target(*words):
    in_target("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "--quiet", "--yes", *words)


def write(path, text, mode):
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as file:
        file.write(text)
    os.chmod(path, mode)


def write_target(path, text, mode=0o644):
    """path: in the target, absolute. Its folders are made."""
    os.makedirs(os.path.dirname(target + path), exist_ok=True)
    write(target + path, text, mode)


def read(path):
    with open(path) as file:
        return file.read()
