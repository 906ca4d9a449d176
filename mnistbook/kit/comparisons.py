"""Is one way of training better than another? Comparisons that pair what can be paired: seeds, and images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

__all__ = ["Difference", "Judgement", "PairedAnswers", "compare_answers", "judge", "judgements", "paired_difference"]


class Difference(NamedTuple):
    """Mean of the differences, and the interval that holds the true mean at the level asked for."""

    mean: float
    low: float
    high: float


class PairedAnswers(NamedTuple):
    """Answers of one network more right than those of the other, summed over seeds, and how surprising that is.

    ``p_value`` is the probability of a difference at least as large if both ways of training were equally good.
    """

    first_more: int
    second_more: int
    p_value: float


class Judgement(NamedTuple):
    """What the report's one rule says of two ways of training.

    ``points`` are percentage points of accuracy, second minus first, over seeds (NaN for one seed); ``answers`` the
    test over images; ``seeds`` how many stand on each side of it; ``second`` is "better", "worse" or "not shown".
    """

    points: Difference
    answers: PairedAnswers
    seeds: int
    second: str


def judge(
    first_right: np.ndarray, second_right: np.ndarray, *, same_starts: bool = True, comparisons: int = 1
) -> Judgement:
    """Compare two ways of training by the report's one rule: over seeds and over images, and the stricter decides.

    The second is better, or worse, only if the 95 % interval over seeds leaves 0 out on that side *and* the exact test
    over images has p < 0.05, divided by how many comparisons are made.

    Parameters
    ----------
    first_right, second_right
        Whether each network is right on each image, booleans of shape (seeds, N).
    same_starts
        Whether the runs of one seed share first weights and order, so that seeds are paired; else Welch's interval is
        taken, for which there may be more seeds on one side. The test over images takes as many as both have.
    comparisons
        How many comparisons are made on these images.
    """
    first, second = (np.atleast_2d(np.asarray(right, bool)) for right in (first_right, second_right))
    seeds = min(len(first), len(second))
    shares = [100 * right.mean(axis=1) for right in (first, second)]
    if seeds < 2:
        points = Difference(float(shares[1].mean() - shares[0].mean()), np.nan, np.nan)
    elif same_starts:
        points = paired_difference(*shares)
    else:
        low, high = stats.ttest_ind(*shares[::-1], equal_var=False).confidence_interval()
        points = Difference(float(shares[1].mean() - shares[0].mean()), float(low), float(high))
    answers = compare_answers(first[:seeds], second[:seeds])
    by_images = np.sign(answers.second_more - answers.first_more) if answers.p_value < 0.05 / comparisons else 0
    both = int(points.low > 0 and by_images > 0) - int(points.high < 0 and by_images < 0)
    return Judgement(points, answers, seeds, {1: "better", -1: "worse", 0: "not shown"}[both])


def judgements(changes: Mapping[str, Judgement]) -> pd.DataFrame:
    """Return a row for each change: points gained, their interval over seeds, p over images, and what it is.

    Columns are ``change``, ``seeds``, ``points``, ``over seeds``, ``p`` and ``it is``; points and interval are text.
    """
    rows = [
        (
            name,
            result.seeds,
            f"{result.points.mean:+.2f}",
            f"{result.points.low:+.2f} to {result.points.high:+.2f}",
            result.answers.p_value,
            result.second,
        )
        for name, result in changes.items()
    ]
    return pd.DataFrame(rows, columns=["change", "seeds", "points", "over seeds", "p", "it is"])


def paired_difference(first: np.ndarray, second: np.ndarray, level: float = 0.95) -> Difference:
    """Compare two ways of training over seeds; the difference is ``second - first``.

    Pairs with the same seed share their first weights and the order of images, and all share the validation images, so
    that what is common to both cancels. The interval is Student's for the mean of the differences.

    Parameters
    ----------
    first, second
        Results of shape (seeds,), seed by seed in one order.
    level
        Of the interval.

    Raises
    ------
    ValueError
        If the shapes differ, or there are fewer than two seeds, which show no spread.
    """
    first, second = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if first.ndim != 1 or first.shape != second.shape:
        raise ValueError(f"results must be paired seed by seed, and have the shapes {first.shape} and {second.shape}")
    if first.size < 2:
        raise ValueError("an interval needs at least two seeds: one shows no spread")
    low, high = stats.ttest_rel(second, first).confidence_interval(level)
    return Difference(float(np.mean(second - first)), float(low), float(high))


def compare_answers(first_right: np.ndarray, second_right: np.ndarray) -> PairedAnswers:
    r"""Compare two ways of training on the same images, over all seeds together, by an exact test.

    For image i let :math:`d_i` be how many seeds are right with the second way, minus how many are with the first. If
    both ways are equally good, each :math:`d_i` is as likely to have the other sign, whatever the seeds have in common
    on that image. The test compares :math:`|\sum_i d_i|` with its exact distribution under random signs. For one seed
    it is McNemar's (1947) test: where both are right, or both wrong, an image says nothing, and the others are like
    tosses of a coin. (scipy's ``binomtest`` is that for one seed, and its ``permutation_test`` draws the signs of so
    many images at random.)

    Parameters
    ----------
    first_right, second_right
        Whether each network is right, booleans of shape (seeds, N), or (N,) for one seed.

    Raises
    ------
    ValueError
        If the shapes differ, or are neither of the two.
    """
    first, second = (np.atleast_2d(np.asarray(right, bool)) for right in (first_right, second_right))
    if first.ndim != 2 or first.shape != second.shape:
        raise ValueError(f"answers must be for the same seeds and images, not of shapes {first.shape}, {second.shape}")
    d = second.sum(axis=0) - first.sum(axis=0)
    positive, negative = int(d[d > 0].sum()), int(-d[d < 0].sum())
    return PairedAnswers(negative, positive, _two_sided(np.bincount(np.abs(d)), abs(positive - negative)))


def _two_sided(counts: np.ndarray, reached: int) -> float:
    """Return P(|Σ ± k| ≥ reached) where each of ``counts[k]`` terms of size k has a random sign."""
    if reached == 0:
        return 1.0
    mass = np.ones(1)  # of the sum; the middle entry is that of 0
    for size, count in enumerate(counts):
        if size and count:
            ways = np.zeros(2 * size * count + 1)
            ways[:: 2 * size] = stats.binom.pmf(np.arange(count + 1), count, 0.5)
            mass = np.convolve(mass, ways)
    return float(2 * mass[len(mass) // 2 + reached :].sum())
