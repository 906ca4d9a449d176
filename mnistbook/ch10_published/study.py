"""The five projects' own trainings, as they published them, and what a longer one would have brought."""

from __future__ import annotations

from pathlib import Path

from mnistbook.projects.networks import AUTHORS_SEED, train_project
from mnistbook.projects.registry import ProjectRun
from mnistbook.results import write
from mnistlab.sweeps.runner import sweep

NAME = "published"
DESCRIPTION = "the five published networks, run again (some hours on one core)"

RATES = (0.01, 0.7, 1.5)
"""Project 1 tried three; its table of results names two more accuracies than its text explains."""

LONGER = (ProjectRun("2", epochs=45), ProjectRun("4", epochs=40))
"""Project 2's program goes on from its saved weights whenever it is started again; project 4 claims most."""


SEEDS = range(5)
"""Those of each network."""


def runs() -> list[ProjectRun]:
    """Return the configurations, the first seeds first."""
    full_batch = [ProjectRun("1", seed, learning_rate=rate) for seed in SEEDS for rate in RATES]
    return [*full_batch, *(ProjectRun(name, seed) for seed in SEEDS for name in ("2", "3a", "3b", "4", "5")), *LONGER]


FROM_SEED = "published_from_seed"
"""Name of the stored file of project 1 from the weights that its author drew."""

STORED = (NAME, FROM_SEED)
"""Names of the files with the rows of its runs."""

HUNDRED = 101
"""Epochs after which the loss after 100 steps is known: each is taken before its step."""


def runs_from_seed() -> list[ProjectRun]:
    """Return project 1 with its author's weights, and one run that only rounds differently and is soon far away."""
    whole = [ProjectRun("1s", AUTHORS_SEED, learning_rate=rate) for rate in RATES]
    return [*whole, ProjectRun("1s", 0, learning_rate=max(RATES), epochs=HUNDRED)]


def run_from_seed(folder: Path, workers: int | None = None) -> None:
    """Store ``published_from_seed.csv`` and its curves."""
    write(FROM_SEED, sweep(runs_from_seed(), folder, task=train_project, workers=workers), extra_text=("project",))


def run(folder: Path, workers: int | None = None) -> None:
    """Train them all and store ``published.csv``, ``published_from_seed.csv`` and their curves."""
    write(NAME, sweep(runs(), folder, task=train_project, workers=workers), extra_text=("project",))
    run_from_seed(folder, workers)
