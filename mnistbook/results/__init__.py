"""What the long studies of the report gave: CSV files beside this module, which ``make experiments`` writes.

They travel with the package, so that a notebook finds them wherever it runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import pandas as pd

from mnistlab.sweeps import results as store
from mnistlab.sweeps.results import last_rows, spot_check

__all__ = ["FOLDER", "last_rows", "read", "read_curves", "spot_check", "write"]

FOLDER: Traversable = files(__name__)
"""Where the files are."""


def read(name: str, *, folder: str | Path | None = None, extra_text: Sequence[str] = ()) -> pd.DataFrame:
    """Return the stored rows ``name``, as :func:`mnistlab.sweeps.results.read` does; ``folder`` replaces FOLDER.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    """
    try:
        return store.read(name, folder=FOLDER if folder is None else folder, extra_text=extra_text)
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{error}: 'make experiments' in a checkout computes them") from None


def read_curves(name: str, *, folder: str | Path | None = None, extra_text: Sequence[str] = ()) -> pd.DataFrame:
    """Return the stored rows of each epoch, as :func:`mnistlab.sweeps.results.read_curves` does."""
    return store.read_curves(name, folder=FOLDER if folder is None else folder, extra_text=extra_text)


def write(
    name: str, frame: pd.DataFrame, *, folder: str | Path | None = None, extra_text: Sequence[str] = ()
) -> list[Path]:
    """Store the rows of a study, as :func:`mnistlab.sweeps.results.write` does; ``folder`` replaces FOLDER."""
    return store.write(name, frame, folder=Path(str(FOLDER)) if folder is None else folder, extra_text=extra_text)
