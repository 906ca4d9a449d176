"""Searches that learn from their trials, in the box of the random search: TPE, with a pruner and without."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from mnistbook.results import write
from mnistlab.sweeps.optuna_search import Search, search
from mnistlab.sweeps.run import Run

__all__ = ["BUDGET", "NAME", "SEEDS", "TRIALS", "plans", "run", "space_of"]

NAME = "searches"
"""Of the stored file."""

BUDGET = 81
"""Epochs that a search may spend: 27 trials of three epochs."""

TRIALS = {"none": BUDGET // 3, "successive_halving": 60}
"""How many each pruner gets: those that are pruned cost less, and what goes beyond the budget is not looked at."""

SEEDS = range(6)


def space_of(box: Mapping[str, tuple[float, float]]) -> dict[str, dict[str, list[float]]]:
    """Return what is searched between the ends of a box, on logarithmic scales; integers where its ends are."""
    return {
        name: {"log_integers" if isinstance(low, int) else "log_uniform": [low, high]}
        for name, (low, high) in box.items()
    }


def plans(base: Run, box: Mapping[str, tuple[float, float]]) -> dict[str, Search]:
    """Return the searches by name; their seeds differ, so that no two begin with the same trials."""
    return {
        f"{pruner} {seed}": Search(base, space_of(box), trials, pruner=pruner, seed=100 * place + seed)
        for place, (pruner, trials) in enumerate(TRIALS.items())
        for seed in SEEDS
    }


def run(folder: Path, base: Run, box: Mapping[str, tuple[float, float]]) -> None:
    """Do what is missing, one trial after another, since each hangs on those before; store ``searches.csv``."""
    frames = []
    for name, plan in plans(base, box).items():
        frame = search(plan, folder / name.replace(" ", "-"), workers=1)
        pruner, seed = name.split()
        frames.append(frame.assign(pruner=pruner, search=int(seed)))
    write(NAME, pd.concat(frames, ignore_index=True))
