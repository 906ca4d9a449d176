"""Whether probabilities mean what they say: reliability, expected calibration error, and temperature scaling."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.optimize import brentq

from mnistbook.kit.style import COLOURS, GREY
from mnistlab.checks import check_positive
from mnistlab.data import one_hot
from mnistlab.layers import Softmax
from mnistlab.losses import SoftmaxCrossEntropy

__all__ = [
    "calibration_error",
    "calibration_error_by_chance",
    "cross_entropy",
    "fit_temperature",
    "probabilities",
    "reliability",
    "reliability_diagram",
    "slope",
]

BINS = 15


def probabilities(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Return ``softmax(logits / temperature)``, shape (N, K)."""
    return Softmax().forward(logits / temperature)


def cross_entropy(logits: np.ndarray, targets: np.ndarray, temperature: float = 1.0) -> float:
    """Return the mean negative log-likelihood at a temperature, in nats per image; targets are one-hot rows."""
    return SoftmaxCrossEntropy().forward(logits / temperature, targets)


def slope(logits: np.ndarray, targets: np.ndarray, temperature: float) -> float:
    """Return the derivative of :func:`cross_entropy` with respect to the temperature (:eq:`eq-temperature-slope`)."""
    p = Softmax().forward(logits / temperature)
    return np.sum((targets - p) * logits) / (len(logits) * temperature * temperature)


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """Return the temperature with the smallest cross-entropy on images held out for it.

    The slope is zero there, and nowhere else: in 1 / T the cross-entropy is convex.

    Parameters
    ----------
    logits
        Shape (N, K), of images that the network was not trained on.
    labels
        Shape (N,).

    Raises
    ------
    TypeError, ValueError
        If labels and logits do not fit; or if there is no such temperature, since all answers are right (T → 0) or the
        logits are no better than chance (T → ∞).
    """
    logits = np.asarray(logits, dtype=np.float64)
    if logits.ndim != 2 or len(logits) == 0 or not np.isfinite(logits).all():
        raise ValueError(f"logits must be finite numbers of shape (N, K), not an array of shape {logits.shape}")
    if len(labels) != len(logits):
        raise ValueError(f"there are {len(logits)} rows of logits but {len(labels)} labels")
    targets = one_hot(labels, logits.shape[1], np.float64)
    of_label = np.sum(targets * logits, axis=1)
    if not (logits.max(axis=1) - of_label).any():
        raise ValueError("all answers are right: the colder the better, so no temperature is the best. Use more images")
    if of_label.mean() <= logits.mean():
        raise ValueError("these logits are no better than chance: the hotter the better. Were the labels shuffled?")
    centred = logits - logits.mean(axis=1, keepdims=True)
    scale = np.abs(centred).max()

    def by_inverse(beta: float) -> float:  # d/dβ with β = 1 / T; rises from below zero to above it
        p = Softmax().forward(beta * centred)
        return float(np.sum((p - targets) * centred) / len(centred))

    high = 1 / scale
    while by_inverse(high) < 0:
        high *= 2
    return 1 / brentq(by_inverse, 0.0, high, xtol=1e-12, rtol=1e-10)


def reliability(p: np.ndarray, labels: np.ndarray, bins: int = BINS) -> pd.DataFrame:
    """Return how often answers are right, by the probability that the network gave them.

    Parameters
    ----------
    p
        Probabilities, shape (N, K). The answer is the most probable class, and its probability the *confidence*.
    labels
        Shape (N,).
    bins
        How many equal intervals 0…1 is cut into. A confidence on a boundary counts below it.

    Returns
    -------
    pandas.DataFrame
        A row a bin with at least one image: ``low``, ``high``, ``count``, ``confidence`` (mean) and ``accuracy``
        (share of right answers).

    Raises
    ------
    ValueError
        If shapes do not fit, or rows of ``p`` are no probabilities.
    """
    p, labels = _checked(p, labels)
    bins = check_positive("bins", bins)
    confidence = p.max(axis=1).astype(np.float64)
    right = p.argmax(axis=1) == labels
    place = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    frame = pd.DataFrame({"bin": place, "confidence": confidence, "accuracy": right.astype(float)})
    groups = frame.groupby("bin")
    table = groups.mean().assign(count=groups.size()).reset_index()
    table["low"], table["high"] = table["bin"] / bins, (table["bin"] + 1) / bins
    return table[["low", "high", "count", "confidence", "accuracy"]]


def calibration_error(p: np.ndarray, labels: np.ndarray, bins: int = BINS) -> float:
    """Return the expected calibration error (:eq:`eq-ece`), between 0 and 1; arguments as :func:`reliability`."""
    table = reliability(p, labels, bins)
    gaps = (table["accuracy"] - table["confidence"]).abs()
    return float((table["count"] * gaps).sum() / table["count"].sum())


def calibration_error_by_chance(
    p: np.ndarray, rng: np.random.Generator, draws: int = 200, bins: int = BINS
) -> np.ndarray:
    """Return calibration errors of a perfectly calibrated network with the same probabilities, shape (draws,).

    In each draw the answer to an image is right with the probability that the network gave it. What comes out is not 0,
    since there are finitely many images.
    """
    p, _ = _checked(p, np.zeros(len(p), int))
    draws, bins = check_positive("draws", draws), check_positive("bins", bins)
    confidence = p.max(axis=1).astype(np.float64)
    place = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    surprises = (rng.random((draws, len(p))) < confidence) - confidence
    return np.array([np.abs(np.bincount(place, row, minlength=bins)).sum() for row in surprises]) / len(p)


def reliability_diagram(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw a panel for each table of :func:`reliability`: accuracy against confidence, and how many images there are.

    The bars below are on a logarithmic axis: nearly all images lie in the last bin.
    """
    figure, (above, below) = plt.subplots(
        2, len(tables), figsize=(7, 4), sharex=True, sharey="row", height_ratios=[3, 1], squeeze=False
    )
    for index, (name, table) in enumerate(tables.items()):
        axes, bars = above[index], below[index]
        middle, width = (table["low"] + table["high"]) / 2, table["high"] - table["low"]
        axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle="--")
        # Two standard errors of a share: bins of three images should not look like bins of three thousand.
        spread = 2 * np.sqrt(np.maximum(table["confidence"] * (1 - table["confidence"]), 1e-9) / table["count"])
        axes.fill_between(
            table["confidence"],
            np.clip(table["confidence"] - spread, 0, 1),
            np.clip(table["confidence"] + spread, 0, 1),
            color=GREY,
            alpha=0.18,
            linewidth=0,
        )
        axes.plot(table["confidence"], table["accuracy"], color=COLOURS[index], marker="o", markersize=4)
        axes.set_title(name, fontsize=9)
        axes.set(xlim=(0, 1.02), ylim=(0, 1.04))
        bars.bar(middle, table["count"], 0.92 * width, color=COLOURS[index])
        bars.set(yscale="log", xlabel="confidence")
    above[0].set_ylabel("share of right answers")
    below[0].set_ylabel("images")
    return figure


def _checked(p: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    p, labels = np.asarray(p), np.asarray(labels)
    if p.ndim != 2 or len(p) == 0 or labels.shape != (len(p),):
        raise ValueError(f"p must have shape (N, K) and labels (N,), not {p.shape} and {labels.shape}")
    if not (p >= 0).all() or np.abs(p.sum(axis=1) - 1).max() > 1e-4:
        raise ValueError("rows of p must be probabilities that add to 1: pass network.predict_proba(x)")
    return p, labels
