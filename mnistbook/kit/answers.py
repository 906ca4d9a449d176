"""Which images a network got wrong, and vectors of numbers: stored as text in a cell of a table, and read again."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mnistbook import results
from mnistlab.sweeps.provenance import COLUMNS
from mnistlab.sweeps.run import Run, prepared, train
from mnistlab.sweeps.runner import Configuration

__all__ = [
    "pack_floats",
    "pack_indices",
    "right_answers",
    "right_rows",
    "train_and_answer",
    "unpack_floats",
    "write_with_answers",
]


def train_and_answer(run: Run) -> pd.DataFrame:
    """Train, and return the rows of :func:`~mnistlab.sweeps.run.train` with a column ``wrong``.

    In the last row it holds the indices of the images on which the trained network is wrong, separated by blanks: of
    the test images in a run that looks at them, else of the validation images in the order of the split.
    """
    network, frame = train(run)
    part = prepared(run)
    x, y = part.test if run.test else part.validation
    wrong = np.flatnonzero(network.predict(x) != y)
    frame["wrong"] = ""
    frame.loc[frame.index[-1], "wrong"] = pack_indices(wrong)
    return frame


def write_with_answers(
    name: str, frame: pd.DataFrame, *, fixed: Sequence[str] = ("seed",), folder: Path | None = None
) -> None:
    """Store the rows of a study without their column ``wrong``, and this, of trained networks, in ``NAME_answers``.

    Parameters
    ----------
    name
        Of the study's file.
    frame
        Rows of :func:`train_and_answer`, or of a task like it.
    fixed
        Columns that stand beside the answers, to tell the runs apart.
    folder
        Where to store, if not among the results of the report.
    """
    wrong = results.last_rows(frame)[["key", *fixed, "wrong", *COLUMNS]]
    results.write(name, frame.drop(columns="wrong"), folder=folder)
    results.write(f"{name}_answers", wrong, folder=folder, extra_text=("wrong",))


def pack_indices(indices: Iterable[int]) -> str:
    """Return indices as text, separated by blanks."""
    return " ".join(map(str, indices))


def right_rows(wrong: Collection[str], images: int = 10_000) -> np.ndarray:
    """Return whether networks are right on each image, booleans of shape (len(wrong), images).

    Parameters
    ----------
    wrong
        For each network, the indices of the images on which it is wrong as :func:`pack_indices` wrote them; a cell
        without text, which pandas reads as NaN, where there is none.
    images
        How many were looked at.
    """
    right = np.ones((len(wrong), images), dtype=bool)
    for row, text in zip(right, wrong, strict=True):
        if isinstance(text, str):
            row[np.fromiter(map(int, text.split()), int)] = False
    return right


def right_answers(
    name: str, runs: Iterable[Configuration], images: int = 10_000, folder: Path | None = None
) -> np.ndarray:
    """Return whether each stored run is right on each image, booleans of shape (runs, images).

    Parameters
    ----------
    name
        Of the stored table, with the columns ``key`` and ``wrong``.
    runs
        Configurations with the keys that are looked for.
    images
        How many were looked at.
    folder
        Where the table is, if not among the results of the report.

    Raises
    ------
    ValueError
        If a run is not stored.
    """
    stored = results.read(name, folder=folder, extra_text=("wrong", "predicted")).set_index("key")["wrong"]
    keys = [run.key for run in runs]
    for key in keys:
        if key not in stored.index:
            raise ValueError(f"{key} is not among the stored runs of {name}")
    return right_rows([stored[key] for key in keys], images)


def pack_floats(values: np.ndarray) -> str:
    """Return numbers as text: float32, little-endian, in base 64."""
    return b64encode(values.astype("<f4").tobytes()).decode()


def unpack_floats(text: str) -> np.ndarray:
    """Return what :func:`pack_floats` wrote, as one vector, float32."""
    return np.frombuffer(b64decode(text), "<f4").astype(np.float32)
