"""The five projects' own trainings, as they published them, and what a longer one would have brought."""

from __future__ import annotations

from pathlib import Path

from mnistbook.projects.networks import ProjectRun, train_project
from mnistbook.results import write
from mnistlab.sweeps.runner import sweep

NAME = "published"
DESCRIPTION = "the five published networks, run again (about 40 minutes on one core)"

RATES = (0.01, 0.7, 1.5)
"""Project 1 tried three; its table of results names two more accuracies than its text explains."""

LONGER = (ProjectRun("2", epochs=45), ProjectRun("4", epochs=40))
"""Project 2's program goes on from its saved weights whenever it is started again; project 4 claims most."""


def runs() -> list[ProjectRun]:
    """Return the configurations: several seeds, but one of the two trainings that take longest."""
    full_batch = [ProjectRun("1", learning_rate=rate) for rate in RATES]
    seeds = {"2": 3, "3a": 1, "3b": 3, "4": 5, "5": 3}
    return [*full_batch, *(ProjectRun(name, seed) for name, count in seeds.items() for seed in range(count)), *LONGER]


def run(folder: Path, workers: int | None = None) -> None:
    """Train them all and store ``published.csv`` and ``published_curves.csv``."""
    write(NAME, sweep(runs(), folder, task=train_project, workers=workers), extra_text=("project",))
