"""Files that are either whole or not there."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO

__all__ = ["check_writable", "remove", "remove_stale_parts", "write_atomically"]

STALE_SECONDS = 600
"""Age at which a part-file must belong to a process that was killed: no write here takes that long."""


def write_atomically(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Let ``write`` fill a file beside ``path``, then move it there in one step.

    A process that is killed leaves the old file, or none, and never half of a new one.

    Raises
    ------
    OSError
        If the folder cannot be made or written to.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_stale_parts(path)
    part = path.with_name(f".{path.name}.{token_hex(8)}.part")
    try:
        with open(part, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def check_writable(path: Path) -> None:
    """Try now what :func:`write_atomically` will do, before the work whose result it shall keep; nothing stays of it.

    Raises
    ------
    OSError
        If a file could not be written there; the message says so, with the path.
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder: name a file in it")
    part = path.with_name(f".{path.name}.{token_hex(8)}.part")
    made = [folder for folder in path.parents if not folder.exists()]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.touch()
    except OSError as error:
        raise OSError(f"{path} cannot be written: {error.strerror}") from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
            for folder in made:
                folder.rmdir()


def remove_stale_parts(path: Path) -> list[Path]:
    """Remove and return what processes killed in mid-write left beside ``path``, but nothing that is being written."""

    def stale(part: Path) -> bool:
        try:
            return time.time() - part.stat().st_mtime > STALE_SECONDS
        except OSError:
            return False

    return [part for part in path.parent.glob(f".{path.name}.*.part") if stale(part) and remove(part)]


def remove(path: Path) -> bool:
    """Remove a file and return True, or return False where another process was quicker or holds it open."""
    try:
        path.unlink()
    except OSError:
        return False
    return True
