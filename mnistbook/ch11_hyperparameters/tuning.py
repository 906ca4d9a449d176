"""What a sweep over hyperparameters says: cells of a map, the top of a curve, the best of so many trials."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import gammaln

from mnistlab.sweeps.run import Run

__all__ = [
    "NOTHING_LEARNT",
    "Cells",
    "accuracy_at",
    "best_so_far",
    "borders",
    "cells",
    "expected_best",
    "failed",
    "halving",
    "peak",
    "seeds_by_value",
]

MEASURE = "final_validation_accuracy"

GUESS = 0.1
"""Accuracy of a run that diverged: that of guessing."""

NOTHING_LEARNT = 2.3
"""Validation loss from which on a training has failed: who knows only how frequent each digit is has 2.301."""


class Cells(NamedTuple):
    """Two tables with a row for each value of one hyperparameter and a column for each value of another.

    ``mean`` is that of the seeds that did not fail, NaN where all did; ``failed`` says how many did, of ``runs``.
    """

    mean: pd.DataFrame
    failed: pd.DataFrame
    runs: int


def failed(frame: pd.DataFrame) -> pd.Series:
    """Return for each run whether it diverged, or ended with the validation loss of one that knows nothing.

    Numbers that overflow are the rarer end of too large a rate: more often all ReLUs die, and the loss stays finite.
    """
    return frame["diverged"] | ~(frame["final_validation_loss"] < NOTHING_LEARNT)


def cells(frame: pd.DataFrame, rows: str, columns: str, measure: str = MEASURE) -> Cells:
    """Arrange runs by two of their hyperparameters.

    Parameters
    ----------
    frame
        One row a run, with what :func:`failed` asks for, and ``measure``.
    rows, columns
        Names of the hyperparameters.
    measure
        What is averaged over the seeds.

    Raises
    ------
    ValueError
        If a combination is missing, or not all have the same number of seeds: the runs differ in something else too.
    """
    lost = failed(frame)
    groups = frame.assign(**{measure: frame[measure].where(~lost)}, failed=lost).groupby([rows, columns])
    sizes = groups.size().unstack()
    if sizes.isna().to_numpy().any() or len(np.unique(sizes)) > 1:
        raise ValueError(f"not every combination of {rows} and {columns} has the same number of runs")
    runs = int(sizes.iloc[0, 0])
    return Cells(groups[measure].mean().unstack(), groups["failed"].sum().unstack().astype(int), runs)


def seeds_by_value(frame: pd.DataFrame, name: str, measure: str = MEASURE) -> tuple[np.ndarray, np.ndarray]:
    """Return the values of a hyperparameter, shape (M,), and the measure with each seed and value, shape (seeds, M).

    Raises
    ------
    ValueError
        If a seed and a value occur together twice, or not at all.
    """
    table = frame.pivot(index="seed", columns=name, values=measure)  # refuses what occurs twice
    if table.size != len(frame):
        raise ValueError(f"not every value of {name} has a run with every seed")
    return table.columns.to_numpy(), table.to_numpy()


def peak(x: np.ndarray, y: np.ndarray) -> float:
    """Return where y is largest, between the points: the vertex of the parabola in log x through the three highest.

    Parameters
    ----------
    x
        Positive, ascending, shape (M,).
    y
        Shape (M,); NaN where there is nothing.

    Returns
    -------
    float
        If the largest y stands at an end, or has a NaN beside it, its own x.

    Raises
    ------
    ValueError
        If all y are NaN.
    """
    y = np.asarray(y, dtype=float)
    if np.isnan(y).all():
        raise ValueError("there is no largest value: all are NaN")
    top = int(np.nanargmax(y))
    if top in (0, len(y) - 1) or np.isnan(y[top - 1 : top + 2]).any():
        return float(x[top])
    near = np.log(np.asarray(x, dtype=float)[top - 1 : top + 2])
    # Through three points goes one parabola; shifted to the middle one so that the fit loses no digits.
    second, first, _ = np.polyfit(near - near[1], y[top - 1 : top + 2], 2)
    return float(x[top]) if second == 0 else float(np.exp(near[1] - first / (2 * second)))


def accuracy_at(rate: float, means: pd.Series) -> float:
    """Return the accuracy at a rate between those that were tried: linear in its logarithm, a guess where all failed.

    Parameters
    ----------
    rate
        Outside of the tried ones, what the nearest one has.
    means
        Accuracies by rate, ascending; a row of :attr:`Cells.mean`.
    """
    return float(np.interp(np.log(rate), np.log(means.index.to_numpy(dtype=float)), means.fillna(GUESS)))


def borders(runs: Sequence[Run], best: Run) -> pd.DataFrame:
    """Say for each hyperparameter of a grid whether its best value has tried values on both sides.

    Parameters
    ----------
    runs
        The grid.
    best
        One of them. A value is beside it if it was tried with all others as they are here.

    Returns
    -------
    pandas.DataFrame
        One row for each hyperparameter that was varied: its name, ``best``, ``lowest``, ``highest``, ``inside``.
    """
    tried = [dict(settings) for settings in {tuple(_values(run).items()) for run in runs}]
    here, rows = _values(best), []
    for name, value in here.items():
        if isinstance(value, str):  # an activation, which has no order
            continue
        line = sorted(other[name] for other in tried if other | {name: value} == here)
        if len(line) > 1:
            rows.append((name, value, line[0], line[-1], line[0] < value < line[-1]))
    return pd.DataFrame(rows, columns=["hyperparameter", "best", "lowest", "highest", "inside"])


def _values(run: Run) -> dict[str, float | str]:
    settings = run.settings()
    values = {name: settings[name] for name in ("learning_rate", "momentum", "batch_size")}
    return values | {"width": run.hidden[0], "layers": len(run.hidden), "activation": run.activation}


def halving(curves: np.ndarray, reduction: int = 3) -> tuple[float, int]:
    """Return the last value of the trial that successive halving ends with, and the epochs that it costs.

    All trials get one epoch; after each epoch the best 1/``reduction`` of those still there get the next.

    Parameters
    ----------
    curves
        Accuracy of each trial after each epoch, shape (trials, epochs), no NaN.
    reduction
        One in so many goes on; at least one does.
    """
    left, epochs = np.arange(len(curves)), 0
    for epoch in range(curves.shape[1]):
        if epoch:
            keep = max(1, len(left) // reduction)
            left = left[np.argsort(-curves[left, epoch - 1], kind="stable")[:keep]]
        epochs += len(left)
    return float(curves[left, -1].max()), epochs


def best_so_far(trials: pd.DataFrame, budget: int) -> np.ndarray:
    """Return the best accuracy of a search after each epoch that it spent, shape (budget,); NaN before its first.

    Parameters
    ----------
    trials
        One row a trial in the order in which they were made: ``epoch``, how many it took, and the measure, NaN where
        it was ended early.
    budget
        How many epochs are looked at.
    """
    ends = trials["epoch"].cumsum().to_numpy()
    best = np.full(budget, np.nan)
    for end, value in zip(ends, trials[MEASURE], strict=True):
        if end <= budget:
            best[end - 1 :] = np.fmax(best[end - 1 :], value)
    return best


def expected_best(values: np.ndarray) -> np.ndarray:
    r"""Return the mean of the best of n values, drawn without putting back, for n = 1 … N. (:eq:`eq-expected-best`)

    Parameters
    ----------
    values
        Shape (N,), no NaN.

    Returns
    -------
    numpy.ndarray
        Shape (N,); the first is the mean of all, the last the largest.

    Raises
    ------
    ValueError
        If there is a NaN: say what a trial without a result is worth.
    """
    values = np.sort(np.asarray(values, dtype=float))
    if np.isnan(values).any():
        raise ValueError("values must not be NaN: say what a trial without a result is worth")
    total = len(values)
    rank = np.arange(1, total + 1)
    best = np.empty(total)
    for n in rank:
        # The i-th smallest is the best of n if the other n - 1 come from the i - 1 below it.
        possible = rank[n - 1 :]
        share = np.exp(_log_binomial(possible - 1, n - 1) - _log_binomial(total, n))
        best[n - 1] = share @ values[n - 1 :]
    return best


def _log_binomial(n: np.ndarray | int, k: int) -> np.ndarray:
    return gammaln(np.add(n, 1)) - gammaln(k + 1) - gammaln(np.subtract(n, k) + 1)
