"""Where this repository is published: upstream's address, or that of the fork from which the report is built."""

import os
import re
import subprocess
import tomllib
from collections.abc import Mapping
from pathlib import Path

from common import ROOT

PART = r"[\w.-]+"
SERVER = "https://github.com"
NOTEBOOKS_BRANCH = "notebooks"
"""Where the workflow that publishes the pages puts the notebooks that Colab and Binder open."""
# As git writes a remote: https://, ssh:// or user@host:. A name or token before the host is no part of the address.
REMOTE = re.compile(rf"(?:(?:https?|ssh|git)://(?:[^@/]+@)?|(?:[^@/:]+@)?)github\.com[:/]({PART}/{PART}?)(?:\.git)?/?")


def address(variables: Mapping[str, str] = os.environ, root: Path = ROOT) -> str:
    """Return the address that buttons of the built pages lead to, without a slash at its end.

    The first of these that there is: the repository in which GitHub runs a workflow, the remote ``origin`` of git where
    that is on GitHub, and the address in pyproject.toml.

    Raises
    ------
    ValueError
        If ``GITHUB_REPOSITORY`` is set to something that is no ``OWNER/NAME``.
    """
    return _of_workflow(variables) or _of_remote(root) or upstream(root)


def pages(of: str) -> str:
    """Return the address of the GitHub Pages of a repository, given its own; without a slash at its end."""
    owner, name = of.rsplit("/", 2)[1:]
    home = f"{owner.lower()}.github.io"
    return f"https://{home}" if name.lower() == home else f"https://{home}/{name}"


def upstream(root: Path = ROOT) -> str:
    """Return the address in pyproject.toml, the one place where it stands."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project["urls"]["Repository"]


def _of_workflow(variables: Mapping[str, str]) -> str | None:
    name = variables.get("GITHUB_REPOSITORY", "")
    if not name:
        return None
    if not re.fullmatch(f"{PART}/{PART}", name):
        raise ValueError(f"GITHUB_REPOSITORY is {name!r}, and should be OWNER/NAME: correct it, or unset it")
    return f"{variables.get('GITHUB_SERVER_URL') or SERVER}/{name}"


def _of_remote(root: Path) -> str | None:
    """Return the address of ``origin``; None if there is none on GitHub, or ``root`` is not where a checkout begins."""
    if not (root / ".git").exists():  # else git would answer for a repository around this folder
        return None
    command = ["git", "config", "--get", "remote.origin.url"]
    try:
        remote = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
    match = REMOTE.fullmatch(remote)
    return f"{SERVER}/{match[1]}" if match else None
