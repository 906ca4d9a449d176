"""Debian packages on demand: installed if that is allowed, else the line to type is printed."""

import os
import shutil
import subprocess

from common import ROOT, say


def packages() -> list[str]:
    """Return what apt.txt lists: what the PDF needs."""
    return (ROOT / "apt.txt").read_text().split()


def missing(names: list[str]) -> list[str]:
    """Return those of the packages that are not installed."""
    command = ["dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\n", *names]
    shown = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return [name for name in names if f"{name} installed" not in shown.splitlines()]


def install(names: list[str], purpose: str) -> bool:
    """Install Debian packages as root or by passwordless sudo; return whether they are there now.

    On a system without apt, or where a password would be asked for, say what to do instead.
    """
    if not shutil.which("dpkg-query") or not shutil.which("apt-get"):
        say(f"{purpose} is missing. On Debian and Ubuntu these packages have it: {' '.join(names)}")
        return False
    names = missing(names)
    if not names:
        return True
    rights = _rights()
    if rights is not None:
        say(f"installing {purpose}: {' '.join(names)}")
        get = [*rights, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-o", "Dpkg::Use-Pty=0"]
        _quietly([*get, "update"])
        if _quietly([*get, "install", "--yes", "--no-install-recommends", *names]):
            return True
        say("apt-get could not install them")
    say(f"{purpose} is missing. Type this line, then try again:\n    sudo apt-get install --yes {' '.join(names)}")
    return False


def _rights() -> list[str] | None:
    """Return what to put before a command that root must run; None if only a password would help."""
    if os.geteuid() == 0:
        return []
    if (
        shutil.which("sudo")
        and subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False).returncode == 0
    ):
        return ["sudo", "-n"]
    return None


def _quietly(command: list[str]) -> bool:
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode:
        say(done.stdout[-3000:])
    return done.returncode == 0
