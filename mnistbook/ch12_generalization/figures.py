"""Figures of the chapter on generalization. Each function draws one and returns it."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from mnistbook.ch12_generalization.power_law import PowerLaw
from mnistbook.kit.figures import bands
from mnistbook.kit.style import COLOURS, GREY

__all__ = ["ablation", "learning_curve", "overfitting"]


def overfitting(rows: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw training and validation, loss on the left and error on the right, a row for each training set.

    Parameters
    ----------
    rows
        By the name of the training set, the rows of runs that differ only in their seed, with ``key``, ``epoch``,
        ``train_loss``, ``train_accuracy``, ``validation_loss`` and ``validation_accuracy``.
    """
    figure, panels = plt.subplots(len(rows), 2, figsize=(7, 2.4 * len(rows) + 0.2), squeeze=False)
    for (left, right), (name, frame) in zip(panels, rows.items(), strict=True):
        for index, part in enumerate(("train", "validation")):
            label = {"train": "training images", "validation": "validation images"}[part]
            epochs, losses = _by_epoch(frame, f"{part}_loss")
            bands(left, epochs, losses, label, colour=COLOURS[index])
            _, accuracies = _by_epoch(frame, f"{part}_accuracy")
            bands(right, epochs, 100 * (1 - accuracies), label, colour=COLOURS[index])
        left.set(yscale="log", ylabel="loss, nats per image", title=name)
        right.set(ylabel="error, %", ylim=(0, None))
        for panel in (left, right):
            panel.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    for panel in panels[-1]:
        panel.set_xlabel("epoch")
    panels[0, 1].legend()
    return figure


def _by_epoch(frame: pd.DataFrame, column: str) -> tuple[np.ndarray, np.ndarray]:
    table = frame.pivot(index="key", columns="epoch", values=column)
    return table.columns.to_numpy(), table.to_numpy()


def ablation(differences: pd.DataFrame) -> Figure:
    """Draw how each way of training differs from the baseline: a ring a seed, their mean, and its interval.

    Parameters
    ----------
    differences
        One row a way of training, drawn top down: ``name``; ``mean``, ``low``, ``high`` and ``seeds`` (two or more) of
        the difference in accuracy, in percentage points; ``better``, whether the page calls it better.
    """
    figure, axes = plt.subplots(figsize=(7, 0.36 * len(differences) + 0.9))
    low, high = np.inf, -np.inf
    for place, row in enumerate(differences.itertuples(index=False)):
        colour = COLOURS[0] if row.better else GREY
        axes.plot([row.low, row.high], [place, place], color=colour, linewidth=1.6, zorder=2)
        axes.plot(row.mean, place, marker="D", color=colour, markersize=5, linestyle="none", zorder=3)
        places = place + np.linspace(-0.16, 0.16, len(row.seeds))
        axes.plot(row.seeds, places, "o", markersize=4, fillstyle="none", color=COLOURS[1], zorder=4)
        low, high = min(low, row.low), max(high, row.high)
    axes.axvline(0, color="black", linewidth=1)
    axes.set_yticks(range(len(differences)), differences["name"])
    axes.set_ylim(len(differences) - 0.5, -0.5)
    axes.set_xlim(low - 0.05, high + 0.05)
    axes.set_xlabel("validation accuracy minus that of the baseline, percentage points")
    axes.grid(axis="y", visible=False)
    return figure


def learning_curve(errors: Mapping[str, Mapping[int, np.ndarray]], laws: Mapping[str, PowerLaw]) -> Figure:
    """Draw the error, in %, over the number of training images on logarithmic axes, with the fitted lines.

    Parameters
    ----------
    errors
        By the name of the training, the shares of wrong answers (one a seed) by number of images.
    laws
        The fit of each.
    """
    figure, axes = plt.subplots(figsize=(7, 3.8))
    markers = ("o", "s", "^", "D")
    for index, (name, by_size) in enumerate(errors.items()):
        sizes = np.array(sorted(by_size))
        for size in sizes:
            values = 100 * np.asarray(by_size[size])
            axes.plot(
                np.full(len(values), size),
                values,
                marker=markers[index],
                color=COLOURS[index],
                fillstyle="none",
                linestyle="none",
                markersize=5,
                label=name if size == sizes[0] else None,
            )
        law, reach = laws[name], np.geomspace(sizes[0], sizes[-1], 50)
        axes.plot(
            reach, 100 * law(reach), color=COLOURS[index], linewidth=1.4, label=f"$\\propto n^{{-{law.exponent:.2f}}}$"
        )
    axes.set(xscale="log", yscale="log", xlabel="training images n", ylabel="validation error, %")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_yticks([2, 3, 5, 10, 20])
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.legend()
    return figure
