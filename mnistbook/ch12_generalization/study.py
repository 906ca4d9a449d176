"""What helps a network on images that it has not seen, and the best networks without augmentation."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from mnistbook.kit.answers import right_rows, train_and_answer, write_with_answers
from mnistbook.kit.recipes import BASELINE, LARGE_CANDIDATES, RECIPE
from mnistlab.sweeps.run import Run, prepared
from mnistlab.sweeps.runner import sweep, with_seeds

__all__ = [
    "ABLATION",
    "ANSWERS",
    "BASELINE",
    "DESCRIPTION",
    "FINAL",
    "LARGE_CANDIDATES",
    "LARGE_SEEDS",
    "LEARNING_CURVE",
    "NAME",
    "RECIPE",
    "SEEDS",
    "SIZES",
    "answers",
    "rows_of",
    "run",
    "training_images",
]

NAME = "generalization"
DESCRIPTION = "ablations, training-set size, the best networks without augmentation (an hour on one core)"

ANSWERS = f"{NAME}_answers"
"""Name of the stored file that says which images each network got wrong."""

SEEDS, LARGE_SEEDS = range(5), (0,)
TRAINED_ON = 50_000
"""Images that the validation images leave."""

ABLATION: dict[str, Run] = {
    "baseline": BASELINE,
    "early stopping": replace(BASELINE, early_stopping=5),
    "weight decay": replace(BASELINE, weight_decay=1e-3),
    "dropout": replace(BASELINE, dropout=0.3),
    "label smoothing": replace(BASELINE, label_smoothing=0.1),
    "averaging": replace(BASELINE, average_last=10),
    "cosine": replace(BASELINE, schedule="cosine"),
    "cosine, smoothing, decay": RECIPE,
    "all three and dropout": replace(RECIPE, dropout=0.3),
}
"""One thing at a time on top of the baseline, then several at once. The best is also the small network's setting."""


def _small(fields: Run, size: int) -> Run:
    """Return the run on fewer images, for more epochs: halfway between as many epochs and as many steps, roughly."""
    return replace(fields, train_size=size, epochs=round(fields.epochs * (TRAINED_ON / size) ** (1 / 3)))


SIZES = (500, 1000, 3000, 10_000, TRAINED_ON)
_CURVE = {name: ABLATION[name] for name in ("baseline", "label smoothing")}
LEARNING_CURVE: dict[str, dict[int, Run]] = {
    name: {size: fields if size == TRAINED_ON else _small(fields, size) for size in SIZES}
    for name, fields in _CURVE.items()
}
"""Runs by the number of training images."""

FINAL: dict[str, Run] = {
    name: replace(chosen, validation=0, train_metrics=False, test=True)
    for name, chosen in {
        "784-300-10": ABLATION["label smoothing"],
        "784-800-10, first choice": LARGE_CANDIDATES["label smoothing, 20 epochs"],
        "784-800-10": LARGE_CANDIDATES["smoothing, averaging, input dropout, 40 epochs"],
    }.items()
}
"""What did best on the validation images (the chapter asserts that it did), trained on all 60,000 images."""


def run(folder: Path, workers: int | None = None) -> None:
    """Do what is missing, and store ``generalization.csv``, its curves, and ``generalization_answers.csv``."""
    frame = sweep(all_runs(), folder, task=train_and_answer, workers=workers)
    write_with_answers(NAME, frame)


def all_runs() -> list[Run]:
    """Return every run of the study; what comes first is what the later choices rest on."""
    curves = [fields for runs in LEARNING_CURVE.values() for fields in runs.values()]
    runs = with_seeds(ABLATION.values(), SEEDS) + with_seeds(LARGE_CANDIDATES.values(), LARGE_SEEDS)
    return runs + with_seeds([*FINAL.values(), *curves], SEEDS)


def training_images(run: Run) -> tuple[np.ndarray, np.ndarray]:
    """Return what a run learns from: rows of pixels, shape (N, 784), and labels, shape (N,)."""
    part = prepared(run)
    return part.x, part.y


def rows_of(frame: pd.DataFrame, run: Run) -> pd.DataFrame:
    """Return the rows of a run, with all the seeds that there are, seed by seed.

    Raises
    ------
    KeyError
        If there are none.
    """
    rows = frame[frame["key"].isin([replace(run, seed=int(seed)).key for seed in frame["seed"].unique()])]
    if rows.empty:
        raise KeyError(f"there are no rows of {run}: 'make experiments' computes what is missing")
    return rows.sort_values([name for name in ("seed", "epoch") if name in rows], kind="stable", ignore_index=True)


def answers(frame: pd.DataFrame, run: Run, images: int = 10_000) -> np.ndarray:
    """Return whether the networks of a run are right on each image, booleans of shape (seeds, images).

    Parameters
    ----------
    frame
        The stored answers, with ``wrong``.
    run
        The configuration, whatever its seed.
    images
        How many were looked at.

    Raises
    ------
    KeyError
        If there are none.
    """
    return right_rows(rows_of(frame, run)["wrong"], images)
