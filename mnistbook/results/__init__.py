"""What the long studies of the report gave: CSV files beside this module, which ``make experiments`` writes.

They travel with the package, so that a notebook finds them wherever it runs. ``SHA256SUMS`` has a checksum of each, as
its study wrote it: a file that is another one, by a slip of the hand or a bad merge, is not read.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import pandas as pd

from mnistlab.atomic import write_atomically
from mnistlab.sweeps import results as store
from mnistlab.sweeps.results import last_rows, spot_check

__all__ = ["FOLDER", "SUMS", "checksum", "last_rows", "read", "read_curves", "spot_check", "sums", "write"]

FOLDER: Traversable = files(__name__)
"""Where the files are."""

SUMS = "SHA256SUMS"
"""Name of the file with their checksums, in the form of ``sha256sum``."""


def checksum(file: Traversable) -> str:
    """Return the SHA-256 of a text file, the same whether or not git wrote its lines for Windows."""
    return sha256(file.read_bytes().replace(b"\r\n", b"\n")).hexdigest()


def sums(folder: Traversable | None = None) -> dict[str, str]:
    """Return the checksums that were noted, by the name of the file; none where the folder has no such list."""
    listed = (FOLDER if folder is None else folder) / SUMS
    lines = listed.read_text(encoding="utf-8").splitlines() if listed.is_file() else []
    return {name: value for value, name in (line.split("  ") for line in lines)}


def _refuse_another(*names: str) -> None:
    noted = sums()
    for name in (f"{name}.csv" for name in names):
        if (FOLDER / name).is_file() and name in noted and checksum(FOLDER / name) != noted[name]:
            raise ValueError(
                f"results/{name} is not what its study wrote: take it from the repository again, or compute it with "
                "'make experiments'"
            )


def read(name: str, *, folder: str | Path | None = None, extra_text: Sequence[str] = ()) -> pd.DataFrame:
    """Return the stored rows ``name``, as :func:`mnistlab.sweeps.results.read` does; ``folder`` replaces FOLDER.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not the one that was written last.
    """
    if folder is None:
        _refuse_another(name)
    try:
        return store.read(name, folder=FOLDER if folder is None else folder, extra_text=extra_text)
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{error}: 'make experiments' in a checkout computes them") from None


def read_curves(name: str, *, folder: str | Path | None = None, extra_text: Sequence[str] = ()) -> pd.DataFrame:
    """Return the stored rows of each epoch, as :func:`mnistlab.sweeps.results.read_curves` does."""
    if folder is None:
        _refuse_another(name, f"{name}_curves")
    return store.read_curves(name, folder=FOLDER if folder is None else folder, extra_text=extra_text)


def write(
    name: str, frame: pd.DataFrame, *, folder: str | Path | None = None, extra_text: Sequence[str] = ()
) -> list[Path]:
    """Store the rows of a study, as :func:`mnistlab.sweeps.results.write` does; ``folder`` replaces FOLDER."""
    into = Path(str(FOLDER)) if folder is None else Path(folder)
    written = store.write(name, frame, folder=into, extra_text=extra_text)
    noted = sums(into) | {path.name: checksum(path) for path in written}
    lines = "".join(f"{value}  {name}\n" for name, value in sorted(noted.items()))
    write_atomically(into / SUMS, lambda file: file.write(lines.encode()))
    return written
