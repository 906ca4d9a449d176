"""The learning curve, with the power laws fitted to it."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from mnistbook.ch12_generalization.power_law import PowerLaw
from mnistbook.kit.style import COLOURS

__all__ = ["learning_curve"]


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
