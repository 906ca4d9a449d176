"""The dense Keras models of the published projects, trained by Keras and by mnistlab with several seeds."""

from __future__ import annotations

from pathlib import Path

from threadpoolctl import threadpool_limits

from mnistbook import results
from mnistbook.projects.keras_dense import train_dense
from mnistbook.projects.registry import DENSE, LIBRARIES, PROJECTS, ProjectRun
from mnistbook.projects.tensorflow import use_one_thread
from mnistlab.sweeps.provenance import COLUMNS
from mnistlab.sweeps.runner import sweep

__all__ = ["ANSWERS", "DESCRIPTION", "NAME", "SEEDS", "run", "runs"]

NAME = "keras_dense"
DESCRIPTION = "the published dense Keras models, in Keras and in mnistlab (half an hour on one core)"

ANSWERS = f"{NAME}_answers"
"""Name of the stored file that says which test images each network got wrong."""

SEEDS = range(5)
"""Those of each model and library."""


def runs() -> list[ProjectRun]:
    """Return the configurations, the quick ones first."""
    models = sorted(DENSE, key=lambda name: PROJECTS[name].hidden * PROJECTS[name].epochs)
    return [ProjectRun(name, seed, library) for name in models for seed in SEEDS for library in LIBRARIES]


def run(folder: Path, workers: int | None = None) -> None:
    """Do what is missing, and store ``keras_dense.csv``, its curves, and ``keras_dense_answers.csv``."""
    use_one_thread()
    with threadpool_limits(1):
        frame = sweep(runs(), folder, task=train_dense, workers=workers)
    answers = results.last_rows(frame)[["key", "project", "library", "seed", "wrong", *COLUMNS]]
    results.write(NAME, frame.drop(columns="wrong"))
    results.write(ANSWERS, answers, extra_text=("wrong",))
