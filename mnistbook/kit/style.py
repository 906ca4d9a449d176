"""One look for all figures: colours that colour-blind readers can tell apart, vector graphics, reproducible files."""

from __future__ import annotations

import matplotlib as mpl
from cycler import cycler
from matplotlib.axis import Axis
from matplotlib.ticker import LogLocator, NullFormatter

__all__ = ["COLOURS", "GREY", "plain_log", "use"]

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
"""Okabe and Ito's palette, in an order in which neighbours differ in lightness too."""

GREY = "#767676"
"""For what stands in the background; light enough to step back, dark enough to read."""


def use() -> None:
    """Set matplotlib's defaults; in a notebook, also show figures as SVG in HTML and as PDF in print."""
    mpl.rcParams.update(
        {
            "axes.prop_cycle": cycler(color=COLOURS),
            "axes.spines.right": False,
            "axes.spines.top": False,
            "axes.grid": True,
            "axes.axisbelow": True,
            "grid.color": "#dddddd",
            "grid.linewidth": 0.6,
            "figure.dpi": 100,
            "figure.constrained_layout.use": True,
            "figure.facecolor": "white",
            "font.size": 10,
            "legend.frameon": False,
            "lines.linewidth": 1.8,
            "svg.hashsalt": "mnistlab",
            "svg.fonttype": "path",
            "pdf.fonttype": 42,
        }
    )
    try:
        from IPython import get_ipython
        from matplotlib_inline.backend_inline import set_matplotlib_formats
    except ModuleNotFoundError:
        return
    if get_ipython() is not None:
        set_matplotlib_formats("svg", "pdf")


def plain_log(axis: Axis) -> None:
    """Mark a logarithmic axis at 1, 2, 5, 10, … and write the numbers out."""
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(NullFormatter())
