"""The leaderboard of published results on MNIST, beside ours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from mnistbook.kit.metrics import wilson_interval
from mnistbook.kit.style import COLOURS, GREY

__all__ = ["PUBLISHED", "TEST_IMAGES", "Entry", "draw_leaderboard", "entry", "table"]

TEST_IMAGES = 10_000


class Entry(NamedTuple):
    """A classifier of MNIST and its error.

    ``error`` is the share of the test images in percent; ``kind`` is "dense", "convolution" or "ours"; ``source`` says
    who found it, and ``checked`` where the figure was looked up. "abstract" is that of the paper; "MNIST table" the
    table of results that was published with the data, https://yann.lecun.com/exdb/mnist/; "project" the text of a
    project that this report reproduces. "quoted" means that only others' quotations were at hand.
    """

    name: str
    error: float
    kind: str
    source: str
    checked: str


PUBLISHED = (
    Entry("linear classifier", 12.0, "dense", "LeCun 1998", "MNIST table"),
    Entry("784-800-10", 1.6, "dense", "Simard 2003", "MNIST table"),
    Entry("three hidden layers, dropout", 1.25, "dense", "Srivastava 2014", "quoted"),
    Entry("784-800-10, affine distortions", 1.1, "dense", "Simard 2003", "MNIST table"),
    Entry("CNN, 5 epochs", 0.99, "convolution", "project 5", "project"),
    Entry("two hidden layers of 8192, dropout, max-norm", 0.95, "dense", "Srivastava 2014", "quoted"),
    Entry("LeNet-5", 0.95, "convolution", "LeCun 1998", "MNIST table"),
    Entry("LeNet-5, distortions", 0.8, "convolution", "LeCun 1998", "MNIST table"),
    Entry("784-800-10, elastic distortions", 0.7, "dense", "Simard 2003", "MNIST table"),
    Entry("CNN, deskewed, its epoch chosen by these images", 0.60, "convolution", "project 3", "project"),
    Entry("committee of 25 784-800-10, elastic, deslanted", 0.39, "dense", "Meier 2011", "MNIST table"),
    Entry("six layers, elastic and affine", 0.35, "dense", "Cireşan 2010", "abstract"),
)
"""Errors as their authors gave them, from the worst to the best."""


def entry(name: str, right: float, checked: str) -> Entry:
    """Return an entry of ours from the number of right answers, which may be a mean over seeds."""
    return Entry(name, 100 * (1 - right / TEST_IMAGES), "ours", "this report", checked)


def interval(some: Entry) -> tuple[float, float]:
    """Return the 95 % interval of an entry's error in percent (Wilson), for the size of MNIST's test set."""
    wrong = round(some.error / 100 * TEST_IMAGES)
    return tuple(100 * end for end in wilson_interval(wrong, TEST_IMAGES))


def table(entries: Sequence[Entry]) -> pd.DataFrame:
    """Return the entries from the worst to the best, as the report prints them."""
    rows = []
    for some in _sorted(entries):
        low, high = interval(some)
        rows.append(
            {
                "classifier": some.name,
                "accuracy, %": f"{100 - some.error:.2f}",
                "95 % interval": f"{100 - high:.2f} to {100 - low:.2f}",
                "who": some.source,
                "checked": some.checked,
            }
        )
    return pd.DataFrame(rows)


def draw_leaderboard(entries: Sequence[Entry]) -> Figure:
    """Draw the errors on a logarithmic axis, the worst on top, each with its 95 % interval."""
    entries = _sorted(entries)
    looks = {
        "dense": ("fully connected", COLOURS[0], "o"),
        "convolution": ("convolutional", COLOURS[2], "s"),
        "ours": ("this report, fully connected", COLOURS[1], "D"),
    }
    figure, axes = plt.subplots(figsize=(7, 0.29 * len(entries) + 1.1))
    shown = set()
    for place, some in enumerate(entries):
        label, colour, marker = looks[some.kind]
        axes.plot(interval(some), [place, place], color=colour, linewidth=1.4, alpha=0.7, zorder=2)
        axes.plot(
            some.error,
            place,
            marker=marker,
            color=colour,
            markersize=6,
            linestyle="none",
            zorder=3,
            label=None if some.kind in shown else label,
        )
        shown.add(some.kind)
    axes.set_yticks(range(len(entries)), [some.name for some in entries], fontsize=8)
    for text, some in zip(axes.get_yticklabels(), entries, strict=True):
        text.set_color(COLOURS[1] if some.kind == "ours" else "black")
    axes.set(ylim=(len(entries) - 0.4, -0.6), xscale="log", xlim=(15, 0.2), xlabel="test error, % (logarithmic)")
    axes.xaxis.set_major_locator(FixedLocator([10, 5, 2, 1, 0.5, 0.25]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.grid(axis="y", color=GREY, alpha=0.15)
    axes.legend(loc="lower left", fontsize=8, framealpha=0.9, frameon=True)
    return figure


def _sorted(entries: Sequence[Entry]) -> list[Entry]:
    return sorted(entries, key=lambda some: -some.error)
