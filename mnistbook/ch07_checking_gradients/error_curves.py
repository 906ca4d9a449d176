"""A picture of how wrong difference quotients are, against their step."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from mnistbook.kit.style import COLOURS, GREY

__all__ = ["error_curves"]


def error_curves(steps: np.ndarray, errors: Mapping[str, np.ndarray], optima: Mapping[str, float]) -> Figure:
    """Draw relative errors against the step of the difference quotient, both logarithmic.

    Parameters
    ----------
    steps
        Step sizes.
    errors
        One array as long as ``steps`` for each name.
    optima
        For some of the names, the step that theory calls best; a dashed line of the same colour marks it.
    """
    figure, axes = plt.subplots(figsize=(7, 3.6))
    for place, (name, values) in enumerate(errors.items()):
        axes.loglog(steps, values, label=name, color=COLOURS[place])
        if name in optima:
            axes.axvline(optima[name], color=COLOURS[place], linestyle="--", linewidth=1)
    axes.axhline(1, color=GREY, linewidth=0.8)
    axes.set(xlabel="step of the difference quotient", ylabel="relative error")
    axes.legend(fontsize=9)
    return figure
