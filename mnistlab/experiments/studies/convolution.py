"""Two published convolutional networks, trained again in Keras."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from mnistlab.experiments import results
from mnistlab.experiments.keras_convolution import ConvolutionRun, train_convolution
from mnistlab.experiments.provenance import COLUMNS
from mnistlab.experiments.sweep import sweep

__all__ = ["ANSWERS", "DESCRIPTION", "NAME", "RUNS", "right_answers", "run"]

NAME = "convolution"
DESCRIPTION = "two published convolutional networks in Keras (about 50 minutes of one core)"

ANSWERS = f"{NAME}_answers"
"""Name of the stored file that says which test images each network got wrong."""

RUNS = (
    ConvolutionRun("5c", 0),
    ConvolutionRun("3d", 0),
    ConvolutionRun("5c", 1),
    ConvolutionRun("3d", 1),
    ConvolutionRun("5c", 2),
)
"""In the order in which they are computed, since each is kept as it ends."""


def run(folder: Path, workers: int | None = None) -> None:
    """Do what is missing, one run at a time on all cores, and store ``convolution.csv``, curves and answers."""
    frame = sweep(RUNS, folder, task=train_convolution, workers=1)
    results.write(NAME, frame.drop(columns=["wrong", "weights"]), extra_text=("project",))
    answers = results.last_rows(frame)[["key", "project", "seed", "wrong", *COLUMNS]]
    results.write(ANSWERS, answers, extra_text=("project", "wrong"))


def right_answers(runs: Iterable[ConvolutionRun], images: int = 10_000, folder: Path | None = None) -> np.ndarray:
    """Return whether each stored run is right on each test image, booleans of shape (runs, images).

    Raises
    ------
    ValueError
        If a run is not stored.
    """
    stored = results.read(ANSWERS, folder=folder, extra_text=("wrong",)).set_index("key")["wrong"]
    right = []
    for some in runs:
        if some.key not in stored.index:
            raise ValueError(f"{some.key} is not among the stored runs of {NAME}")
        row = np.ones(images, dtype=bool)
        row[np.fromiter(map(int, stored[some.key].split()), int)] = False
        right.append(row)
    return np.array(right)
