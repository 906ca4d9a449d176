"""Figures of the chapter on preprocessing and augmentation. Each function draws one and returns it."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mnistbook.kit.figures import bands
from mnistbook.kit.style import COLOURS, GREY

__all__ = ["ablation", "committee_sizes", "with_and_without"]


def with_and_without(rows: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw errors on training and validation images by epoch, a panel for each and a line for each way of training.

    Parameters
    ----------
    rows
        By name, the rows of runs that differ only in their seed, with ``key``, ``epoch``, ``train_accuracy`` and
        ``validation_accuracy``.
    """
    figure, panels = plt.subplots(1, 2, figsize=(7, 2.9), sharey=True)
    for panel, part in zip(panels, ("train", "validation"), strict=True):
        for index, (name, frame) in enumerate(rows.items()):
            table = frame.pivot(index="key", columns="epoch", values=f"{part}_accuracy")
            errors = 100 * (1 - table.to_numpy())
            bands(panel, table.columns.to_numpy(), errors, name, colour=COLOURS[index])
        panel.set(xlabel="epoch", title={"train": "training images", "validation": "validation images"}[part])
        panel.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    panels[0].set(ylabel="error, %", ylim=(0, 16))
    panels[1].legend()
    return figure


def ablation(accuracies: Mapping[str, np.ndarray]) -> Figure:
    """Draw the accuracies of ways of training: a ring for each seed and a diamond for the mean.

    Parameters
    ----------
    accuracies
        By name, from the top down, the shares of right answers, one a seed.
    """
    figure, axes = plt.subplots(figsize=(7, 0.38 * len(accuracies) + 0.9))
    for place, values in enumerate(accuracies.values()):
        values = 100 * np.asarray(values)
        axes.plot([values.min(), values.max()], [place, place], color=GREY, linewidth=1.4, zorder=2)
        axes.plot(values, np.full(len(values), place), "o", color=COLOURS[1], fillstyle="none", markersize=6, zorder=4)
        axes.plot(values.mean(), place, "D", color=COLOURS[0], markersize=5, zorder=3)
    axes.plot([], [], "o", color=COLOURS[1], fillstyle="none", markersize=6, label="one seed")
    axes.plot([], [], "D", color=COLOURS[0], markersize=5, label="mean")
    axes.set_yticks(range(len(accuracies)), list(accuracies))
    axes.set(ylim=(len(accuracies) - 0.5, -0.5), xlabel="validation accuracy, %")
    axes.grid(axis="y", visible=False)
    axes.legend(loc="upper right")
    return figure


def committee_sizes(accuracies: Mapping[int, np.ndarray]) -> Figure:
    """Draw the accuracies of all committees over their size, and the mean for each size.

    Parameters
    ----------
    accuracies
        By size, the shares of right answers of all committees of that size.
    """
    figure, axes = plt.subplots(figsize=(7, 2.8))
    for size, values in accuracies.items():
        axes.plot(np.full(len(values), size), 100 * values, "o", color=COLOURS[0], fillstyle="none", markersize=5)
    means = [100 * values.mean() for values in accuracies.values()]
    axes.plot(list(accuracies), means, color=COLOURS[1], marker="D", markersize=5, label="mean over the committees")
    axes.plot([], [], "o", color=COLOURS[0], fillstyle="none", markersize=5, label="one committee")
    axes.set(xlabel="networks in the committee", ylabel="test accuracy, %", xticks=list(accuracies))
    axes.grid(axis="x", visible=False)
    axes.legend(loc="lower right")
    return figure
