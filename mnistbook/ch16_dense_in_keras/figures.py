"""Figures of the dense Keras models: what both libraries learn, and what both say to one image."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mnistbook.kit.figures import bands, show_digit
from mnistbook.kit.style import COLOURS, plain_log
from mnistbook.projects.published import KERAS_EPOCHS
from mnistbook.projects.registry import DENSE, LIBRARIES

__all__ = ["NAMES", "draw_curves", "draw_two_predictions"]

NAMES = {"mnistlab": "mnistlab", "keras": "Keras"}
"""Of the libraries, as a figure writes them."""


def draw_curves(curves: pd.DataFrame) -> Figure:
    """Draw training loss and accuracy on images put aside, mean and standard deviation over seeds, a column a model.

    Parameters
    ----------
    curves
        One row an epoch of the study ``keras_dense``, with ``project``, ``library``, ``seed``, ``epoch``, ``loss`` and
        ``watched_accuracy``.
    """
    projects = [name for name in DENSE if name in set(curves["project"])]
    figure, panels = plt.subplots(2, len(projects), figsize=(7, 4.6), sharex="col", squeeze=False)
    for (upper, lower), project in zip(panels.T, projects, strict=True):
        for library, colour in zip(LIBRARIES, COLOURS, strict=False):
            rows = curves[(curves["project"] == project) & (curves["library"] == library)]
            for axes, column, scale in ((upper, "loss", 1), (lower, "watched_accuracy", 100)):
                table = scale * rows.pivot(index="epoch", columns="seed", values=column)
                if not table.empty:
                    bands(axes, table.index, table.to_numpy().T, NAMES[library], colour=colour)
        if project in KERAS_EPOCHS:
            theirs = KERAS_EPOCHS[project]
            style = {"color": "black", "markersize": 4, "fillstyle": "none", "label": "published"}
            upper.plot(theirs.index, theirs["loss"], "o", **style)
            lower.plot(theirs.index, 100 * theirs["validation_accuracy"], "o", **style)
        upper.set(title=project, yscale="log")
        plain_log(upper.yaxis)
        lower.set(xlabel="epoch")
        lower.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
    panels[0, 0].set_ylabel("training loss, nats")
    panels[1, 0].set_ylabel("accuracy, %")
    handles = {
        label: handle for axes in panels[1] for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=3)
    return figure


def draw_two_predictions(image: np.ndarray, probabilities: Mapping[str, np.ndarray]) -> Figure:
    """Draw an image of shape (28, 28) beside the ten probabilities that each of some networks gives it, as bars."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(7, 3), width_ratios=[1, 2.4])
    show_digit(left, image)
    width = 0.8 / len(probabilities)
    for index, (name, values) in enumerate(probabilities.items()):
        place = np.arange(10) + (index - (len(probabilities) - 1) / 2) * width
        bars = right.bar(place, values, width * 0.95, label=name, color=COLOURS[index])
        shown = [f"{value:.0%}" if value >= 0.005 else "" for value in values]
        right.bar_label(bars, shown, fontsize=7, padding=2, rotation=90)
    right.set(xlabel="digit", ylabel="probability", xticks=range(10), ylim=(0, 1.2), yticks=np.linspace(0, 1, 5))
    right.grid(axis="x", visible=False)
    figure.legend(*right.get_legend_handles_labels(), loc="outside lower right", ncols=len(probabilities))
    return figure
