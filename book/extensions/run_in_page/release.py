"""The release of Pyodide that pages run on: each file that they load, with its size and SHA-256.

``pyodide.json`` is the part of the release's own lock file that these pages need, with the files of the interpreter,
for which the lock has no sums. It is made from a release that was unpacked in a folder: ``python release.py FOLDER``.
"""

import hashlib
import json
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

from packaging.utils import canonicalize_name

TABLE = Path(__file__).with_name("pyodide.json")
ADDRESS = "https://cdn.jsdelivr.net/pyodide/v{}/full/"
INTERPRETER = ("pyodide.js", "pyodide.asm.js", "pyodide.asm.wasm", "python_stdlib.zip")
OFFERED = ("ipython", "matplotlib", "numpy", "pandas", "scikit-learn", "scipy")


class ReleaseError(Exception):
    """A folder does not hold the release; the message says which file is missing or another one."""


def table() -> dict:
    """Return the address of the release, its lock, and the size and the sum of each file."""
    return json.loads(TABLE.read_text(encoding="utf-8"))


def with_needed(names: Iterable[str], lock: dict) -> list[str]:
    """Return packages with all that they need, each after what it needs."""
    found: dict[str, None] = {}

    def add(name: str) -> None:
        for needed in lock["packages"][name]["depends"]:
            if canonicalize_name(needed) not in found:
                add(canonicalize_name(needed))
        found[name] = None

    for name in sorted(names):
        add(name)
    return list(found)


def copy(folder: Path, target: Path) -> None:
    """Copy the files that pages load from a folder with the release, each compared with its sum.

    Raises
    ------
    ReleaseError
        If one is missing, or is not the one of the release.
    """
    target.mkdir(parents=True, exist_ok=True)
    for name, known in table()["files"].items():
        if not (folder / name).is_file():
            raise ReleaseError(f"{folder} lacks {name} of Pyodide {table()['lock']['info']['version']}")
        if described(folder / name)["sha256"] != known["sha256"]:
            raise ReleaseError(f"{folder / name} is not that of Pyodide {table()['lock']['info']['version']}")
        shutil.copyfile(folder / name, target / name)


def cut(folder: Path) -> dict:
    """Return what the table holds, read from a folder with the release and its whole lock."""
    lock = json.loads((folder / "pyodide-lock.json").read_text(encoding="utf-8"))
    kept = {name: lock["packages"][name] for name in with_needed(OFFERED, lock)}
    files = [*INTERPRETER, *(package["file_name"] for package in kept.values())]
    return {
        "address": ADDRESS.format(lock["info"]["version"]),
        "files": {name: described(folder / name) for name in files},
        "lock": {"info": lock["info"], "packages": kept},
    }


def described(path: Path) -> dict[str, int | str]:
    """Return the size and the SHA-256 of a file, as a page compares them."""
    return {"size": path.stat().st_size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


if __name__ == "__main__":
    lines = json.dumps(cut(Path(sys.argv[1]))).replace("}, ", "},\n")  # a line a file
    TABLE.write_text(lines + "\n", encoding="utf-8")
