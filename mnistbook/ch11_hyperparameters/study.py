"""Hundreds of short trainings over learning rate, batch size, momentum, width, depth, activation: which is best.

The first round is short: 20,000 training images, three epochs, 784-100-10 where nothing else is said. The best of each
of its parts go to the second, with all training images and five epochs; the best of that one is trained with seeds of
its own and, only then, tried on the test images. All choices are made on the same 10,000 validation images.

What was added later is judged on these too, and is not tried on the test images: parts that go on beyond the borders at
which they were best, methods that each have rates of their own, and searches that learn from their trials.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from itertools import product
from pathlib import Path

import pandas as pd

from mnistbook.ch11_hyperparameters import research, searches
from mnistbook.kit.answers import right_answers, train_and_answer, write_with_answers
from mnistbook.kit.comparisons import Judgement, judge
from mnistbook.results import last_rows, write
from mnistlab.sweeps.distributions import log_integers, log_uniform
from mnistlab.sweeps.run import Run
from mnistlab.sweeps.runner import grid, random_search, sweep, with_seeds

__all__ = [
    "FINAL_SEEDS",
    "best",
    "beyond",
    "chosen",
    "contestants",
    "final_runs",
    "first_round",
    "fresh_runs",
    "judged",
    "long_sample",
    "methods",
    "run",
    "second_round",
    "select",
    "short_runs",
    "verdict",
]

NAME = "hyperparameters"
DESCRIPTION = "learning rate, batch size, momentum, width, depth; project 3's trials (about an hour on one core)"
FRESH = f"{NAME}_fresh"
STORED = (NAME, FRESH, searches.NAME, research.NAME)
"""Names of the files with the rows of its runs."""

ANSWERS = f"{FRESH}_answers"
"""Name of the stored file that says which validation images the networks of :func:`fresh_runs` got wrong."""

SHORT = Run(hidden=(100,), train_size=20_000, epochs=3)
RATES = tuple(0.0025 * 2**k for k in range(10))
"""Factors of two, so that a product or a quotient with another power of two is a diagonal of the map."""
BATCH_SIZES = tuple(16 * 4**k for k in range(4))
MOMENTA = tuple(1 - 0.25**k for k in range(4))
WIDTHS = tuple(25 * 2**k for k in range(6))
DEPTHS = (1, 2, 4)
ACTIVATIONS = ("relu", "tanh", "sigmoid")
COARSE_RATES = RATES[2::2]
ENDS = {COARSE_RATES[0]: DEPTHS, COARSE_RATES[-1]: (DEPTHS[0], DEPTHS[-1])}
"""Rates and depths at which stacks of ReLU layers are compared though others are better."""
SEEDS = (0, 1, 2)

BOX = {"learning_rate": (0.002, 2.0), "batch_size": (16, 1024), "hidden": (25, 200)}
"""What the random search draws from, all on a logarithmic scale; the grid divides the same box into equal cells."""
GRID_SIDE = 4
DRAWS = 3 * GRID_SIDE ** len(BOX)
"""Three times as many as the grid has, to see how lucky a search with as many is."""

ADAM_RATES = tuple(0.00025 * 4**k for k in range(5))
METHODS: dict[str, tuple[dict[str, object], tuple[float, ...]]] = {
    "plain SGD": ({}, COARSE_RATES),
    "cosine schedule": ({"schedule": "cosine"}, COARSE_RATES),
    "weight decay 0.0001": ({"weight_decay": 1e-4}, COARSE_RATES),
    "weight decay 0.001": ({"weight_decay": 1e-3}, COARSE_RATES),
    "dropout 0.2": ({"dropout": 0.2}, COARSE_RATES),
    "dropout 0.5": ({"dropout": 0.5}, COARSE_RATES),
    "Glorot's weights": ({"initializer": "glorot"}, COARSE_RATES),
    "weights of 0.01": ({"initializer": "normal(0.01)"}, COARSE_RATES),
    "Adam": ({"optimizer": "adam"}, ADAM_RATES),
    "Adam, weight decay 0.01": ({"optimizer": "adam", "weight_decay": 0.01}, ADAM_RATES),
}
"""What a method changes, and the rates that it is tried with: none is judged by the rate of another."""

LONG_SAMPLE = 32
"""So many of the random draws are trained for long too, however they did in short."""

LONG = {"train_size": None, "epochs": 5, "schedule": "cosine"}
FINAL_SEEDS = (100, 101, 102, 103, 104)
"""Seeds that had no part in any choice."""


def first_round() -> dict[str, list[Run]]:
    """Return the short trainings, by the part of the study to which they belong; some belong to two parts."""
    stacks = [(100,) * depth for depth in DEPTHS]
    rates = {
        "learning_rate": log_uniform(*BOX["learning_rate"]),
        "batch_size": log_integers(*BOX["batch_size"]),
        "hidden": log_integers(*BOX["hidden"]),
    }
    return {
        "batch size": grid(SHORT, batch_size=BATCH_SIZES, learning_rate=RATES, seed=SEEDS),
        "momentum": grid(SHORT, momentum=MOMENTA, learning_rate=RATES, seed=SEEDS),
        "width": grid(SHORT, hidden=WIDTHS, learning_rate=COARSE_RATES, seed=SEEDS),
        "depth": grid(SHORT, activation=ACTIVATIONS, hidden=stacks, learning_rate=COARSE_RATES, seed=SEEDS),
        "random search": random_search(SHORT, DRAWS, 0, **rates),
        "grid search": grid(SHORT, **{name: _middles(name) for name in BOX}),
    }


def beyond() -> dict[str, list[Run]]:
    """Return short trainings beyond the borders at which parts of the first round are best, by these parts."""
    one_or_two = [(100,), (100, 100)]
    return {
        "batch size": grid(SHORT, batch_size=(4,), learning_rate=(RATES[0] / 2, *RATES[:3]), seed=SEEDS),
        "width": grid(SHORT, hidden=(2 * WIDTHS[-1],), learning_rate=COARSE_RATES, seed=SEEDS),
        "depth": grid(SHORT, activation=("sigmoid",), hidden=one_or_two, learning_rate=(2.56, 10.24), seed=SEEDS),
    }


def methods() -> dict[str, list[Run]]:
    """Return short trainings of each method with each of its rates."""
    return {
        name: grid(replace(SHORT, **changes), learning_rate=rates, seed=SEEDS)
        for name, (changes, rates) in METHODS.items()
    }


def short_runs() -> list[Run]:
    """Return all short trainings; some stand there twice."""
    return [run for parts in (first_round(), beyond(), methods()) for part in parts.values() for run in part]


def long_sample() -> list[Run]:
    """Return the first of the random draws as long trainings."""
    return [replace(run, **LONG) for run in first_round()["random search"][:LONG_SAMPLE]]


def contestants() -> dict[str, list[Run]]:
    """Return the short trainings whose best go to the second round: parts, the same with what lies beyond, methods."""
    parts = _parts()
    wider = {f"{name}, beyond the grid": parts[name] + runs for name, runs in beyond().items()}
    deep = [run for run in parts["depth"] if len(run.hidden) > 1]
    return parts | wider | {"two layers or more": deep} | methods()


def _parts() -> dict[str, list[Run]]:
    """Return the parts of the first round; without the grid search, which is there to be compared with another."""
    return {name: runs for name, runs in first_round().items() if name != "grid search"}


def _middles(name: str) -> list[float]:
    """Return the middles of equal cells between the ends of the box, on a logarithmic scale."""
    low, high = BOX[name]
    values = [low * (high / low) ** ((k + 0.5) / GRID_SIDE) for k in range(GRID_SIDE)]
    return [round(value) if isinstance(low, int) else float(f"{value:.3g}") for value in values]


def select(frame: pd.DataFrame, runs: Iterable[Run]) -> pd.DataFrame:
    """Return the last rows of these runs.

    Raises
    ------
    KeyError
        If one is missing.
    """
    last = last_rows(frame).set_index("key", drop=False)
    keys = [run.key for run in runs]
    if missing := [key for key in keys if key not in last.index]:
        raise KeyError(f"{len(missing)} of {len(keys)} runs are missing, {missing[0]} for one")
    return last.loc[keys].reset_index(drop=True)


def best(frame: pd.DataFrame, runs: Iterable[Run]) -> Run:
    """Return the setting with the highest validation accuracy, as the run with the first of its seeds.

    The accuracy of a setting is the mean over its seeds; one that diverged with any seed is out.

    Raises
    ------
    ValueError
        If all settings diverged.
    """
    runs = list(runs)
    accuracies: dict[Run, list[float]] = {}
    for run, accuracy in zip(runs, select(frame, runs)["final_validation_accuracy"], strict=True):
        accuracies.setdefault(replace(run, seed=0), []).append(accuracy)
    means = {setting: sum(values) / len(values) for setting, values in accuracies.items()}
    sound = {setting: mean for setting, mean in means.items() if not math.isnan(mean)}
    if not sound:
        raise ValueError(f"all of {len(means)} settings diverged")
    winner = max(sound, key=sound.__getitem__)
    return next(run for run in runs if replace(run, seed=0) == winner)


def second_round(frame: pd.DataFrame) -> list[Run]:
    """Return long runs of the best setting of each contestant, with each seed; ``frame`` has the first round."""
    return _long(frame, contestants())


def _long(frame: pd.DataFrame, parts: dict[str, list[Run]]) -> list[Run]:
    return with_seeds(dict.fromkeys(replace(best(frame, runs), **LONG) for runs in parts.values()), SEEDS)


def chosen(frame: pd.DataFrame) -> Run:
    """Return the best setting in the second round of those that the parts led to; ``frame`` has both rounds."""
    return best(frame, _long(frame, _parts()))


def final_runs(frame: pd.DataFrame) -> list[Run]:
    """Return the runs that are tried on the test images."""
    return with_seeds([replace(chosen(frame), test=True)], FINAL_SEEDS)


def judged(frame: pd.DataFrame) -> dict[str, Run]:
    """Return the settings of which the chapter says that one is better than another, by name.

    Each is at its own best rate, but for stacks of ReLU layers, which are there at the ends of the grid too:
    "relu x 4 at 0.64".
    """
    parts, more = first_round(), beyond()
    widths, batches = parts["width"] + more["width"], parts["batch size"]
    short = {f"{width} units": [run for run in widths if run.hidden == (width,)] for width in (*WIDTHS, 2 * WIDTHS[-1])}
    short |= {f"batches of {size}": [run for run in batches if run.batch_size == size] for size in BATCH_SIZES}
    short |= {f"momentum {mu:g}": [run for run in parts["momentum"] if run.momentum == mu] for mu in MOMENTA}
    stacks = {
        (activation, depth): [r for r in parts["depth"] if r.activation == activation and len(r.hidden) == depth]
        for activation, depth in product(ACTIVATIONS, DEPTHS)
    }
    short |= {f"{activation} x {depth}": runs for (activation, depth), runs in stacks.items()}
    ends = {
        f"relu x {depth} at {rate:g}": next(run for run in stacks["relu", depth] if run.learning_rate == rate)
        for rate, depths in ENDS.items()
        for depth in depths
    }
    short |= {"batches of the grid": batches, "batches beyond it": batches + more["batch size"]} | methods()
    settings = {name: best(frame, runs) for name, runs in short.items()}
    long, parts = ("width", "width, beyond the grid", "cosine schedule", "two layers or more"), contestants()
    return settings | ends | {f"{name}, long": replace(best(frame, parts[name]), **LONG) for name in long}


def fresh_runs(frame: pd.DataFrame) -> list[Run]:
    """Return the settings of :func:`judged` with seeds by which none of them was chosen."""
    return with_seeds(dict.fromkeys(judged(frame).values()), FINAL_SEEDS)


def verdict(settings: dict[str, Run], first: str, second: str, comparisons: int = 1) -> Judgement:
    """Judge two of the settings of :func:`judged`, by name, by the report's one rule.

    Seeds are paired where they give the same first weights, whose scale hangs on the activation, too.
    """
    pair = [settings[name] for name in (first, second)]
    starts = {(one.hidden, one.initializer, one.activation) for one in pair}
    right = (right_answers(ANSWERS, with_seeds([one], FINAL_SEEDS)) for one in pair)
    return judge(*right, same_starts=len(starts) == 1, comparisons=comparisons)


def run(folder: Path, workers: int | None = None) -> None:
    """Do both rounds and the final trainings; then what verdicts rest on, searches, and project 3's trials."""
    runs = short_runs() + long_sample()
    for following in (second_round, final_runs):
        runs = runs + following(sweep(runs, folder, workers=workers))
    frame = sweep(runs, folder, workers=workers)
    write(NAME, frame)
    fresh = sweep(fresh_runs(frame), folder / FRESH, task=train_and_answer, workers=workers)
    write_with_answers(FRESH, fresh)
    searches.run(folder / searches.NAME, SHORT, BOX)
    research.run(folder / research.NAME, workers)
