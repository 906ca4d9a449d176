"""The trials of project 3's notebook, again, with several seeds where its authors had one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mnistbook.kit.answers import write_with_answers
from mnistbook.projects.one_at_a_time import OneAtATime
from mnistlab.sweeps.runner import sweep

__all__ = ["ANSWERS", "EVEN", "NAME", "SEEDS", "TRIALS", "WIDTHS", "Trial", "run", "train_trial", "trials"]

NAME = "research"
ANSWERS = f"{NAME}_answers"
"""Names of the stored files: of the trials, and of which test images each network got wrong."""

WIDTHS = tuple(range(50, 1000, 50))
EVEN = (50, 100, 200, 400, 800)
"""Widths that are also tried with first weights whose spread does not depend on the width."""

TRIALS: dict[str, OneAtATime] = {
    **{f"width-{width}": OneAtATime(f"{width} units", (width,), epochs=9 if width == 800 else 1) for width in WIDTHS},
    **{f"even-{width}": OneAtATime(f"{width} units, even spread", (width,), by_inputs=True) for width in EVEN},
    "rate-0.2": OneAtATime("800 units, rate 0.2", (800,), learning_rate=0.2),
    "rate-0.3": OneAtATime("800 units, rate 0.3", (800,), learning_rate=0.3),
    "three-layers": OneAtATime("784-500-300-10, deskewed", (500, 300), learning_rate=0.05, epochs=2, upright=True),
    "elastic-36-6": OneAtATime("800 units, elastic 36, 6", (800,), epochs=7, elastic=(36, 6)),
    "elastic-8-4": OneAtATime("800 units, elastic 8, 4", (800,), epochs=7, elastic=(8, 4)),
}
"""By name. The network with 800 deskewed units and seven epochs is project 3a."""

SEEDS = range(5)


@dataclass(frozen=True)
class Trial:
    """One training of one of :data:`TRIALS`: a configuration that a sweep takes."""

    name: str
    seed: int

    @property
    def key(self) -> str:
        """A name for files and of stored rows."""
        return f"{self.name}-seed{self.seed}"


def train_trial(trial: Trial) -> pd.DataFrame:
    """Train, and return one row an epoch: the task of a sweep."""
    recipe = TRIALS[trial.name]
    frame = recipe.train(trial.seed, recipe.learning_rate, recipe.epochs)
    for place, (name, value) in enumerate(
        {"trial": trial.name, "rate": recipe.learning_rate, "seed": trial.seed}.items()
    ):
        frame.insert(place, name, value)
    return frame


def trials() -> list[Trial]:
    """Return all of them, seed by seed."""
    return [Trial(name, seed) for seed in SEEDS for name in TRIALS]


def run(folder: Path, workers: int | None = None) -> None:
    """Do what is missing, and store ``research.csv``, its curves, and ``research_answers.csv``."""
    store(sweep(trials(), folder, task=train_trial, workers=workers))


def store(frame: pd.DataFrame, folder: Path | None = None) -> None:
    """Store the rows of trials that have been done."""
    write_with_answers(NAME, frame, fixed=("trial", "seed"), folder=folder)
