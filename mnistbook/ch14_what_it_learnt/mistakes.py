"""The images that networks get wrong: a table of them, and a sheet that shows them all."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from mnistbook.kit.style import COLOURS, GREY

__all__ = ["mistakes", "sheet"]

SIDE = 28


def mistakes(labels: np.ndarray, p: np.ndarray, others: np.ndarray) -> pd.DataFrame:
    """Return what a network got wrong, and how its images fare with other networks.

    Parameters
    ----------
    labels
        Shape (N,).
    p
        The network's probabilities, shape (N, K).
    others
        Answers of other networks to the same images, shape (networks, N).

    Returns
    -------
    pandas.DataFrame
        A row a wrong answer: ``image`` (its number), ``label``, ``answer``, ``probability`` (of the answer), ``margin``
        (nats by which the answer's log-probability exceeds the label's, at least 0), ``also_wrong`` (how many others
        miss it) and ``same_answer`` (how many give the same wrong answer). First come those that most others miss, and
        among them those of the largest margin.

    Raises
    ------
    ValueError
        If the shapes do not fit.
    """
    labels, p, others = np.asarray(labels), np.asarray(p, dtype=np.float64), np.atleast_2d(others)
    if p.ndim != 2 or labels.shape != (len(p),) or others.shape[1:] != labels.shape:
        raise ValueError(
            "labels (N,), probabilities (N, K) and answers of other networks (networks, N) must be of the same images, "
            f"not {labels.shape}, {p.shape} and {others.shape}"
        )
    answers = p.argmax(axis=1)
    wrong = np.flatnonzero(answers != labels)
    of_answer, of_label = p[wrong, answers[wrong]], p[wrong, labels[wrong]]
    with np.errstate(divide="ignore"):
        margin = np.log(of_answer) - np.log(of_label)
    table = pd.DataFrame(
        {
            "image": wrong,
            "label": labels[wrong],
            "answer": answers[wrong],
            "probability": of_answer,
            "margin": margin,
            "also_wrong": (others[:, wrong] != labels[wrong]).sum(axis=0),
            "same_answer": (others[:, wrong] == answers[wrong]).sum(axis=0),
        }
    )
    return table.sort_values(["also_wrong", "margin"], ascending=False, kind="stable").reset_index(drop=True)


def sheet(
    images: np.ndarray, captions: Sequence[str], frames: Sequence[int] | None = None, *, columns: int = 10
) -> Figure:
    """Draw many images on one sheet, each with a small line of text above.

    Parameters
    ----------
    images
        Shape (N, 28, 28).
    captions
        N lines of text.
    frames
        How each image is framed: 2 thick in colour, 1 thin in colour, 0 thin in grey, which is the default.
    columns
        Images to a row.
    """
    frames = np.zeros(len(images), int) if frames is None else np.asarray(frames)
    wide, high = SIDE + 6, SIDE + 14
    rows = -(-len(images) // columns)
    canvas = np.zeros((rows * high, columns * wide))
    figure, axes = plt.subplots(figsize=(7, 7 * rows * high / (columns * wide)))
    for index, (image, caption, frame) in enumerate(zip(images, captions, frames, strict=True)):
        top, left = (index // columns) * high + 11, (index % columns) * wide + 3
        canvas[top : top + SIDE, left : left + SIDE] = image / max(float(image.max()), 1e-9)
        # A thick line lies outside of the image, so that it hides no pixel.
        colour, width, gap = ((GREY, 0.4, 0.0), (COLOURS[5], 1.0, 0.3), (COLOURS[1], 2.0, 1.0))[frame]
        size = SIDE + 2 * gap
        axes.add_patch(
            Rectangle((left - 0.5 - gap, top - 0.5 - gap), size, size, fill=False, edgecolor=colour, linewidth=width)
        )
        axes.text(left + SIDE / 2, top - 2.2, caption, ha="center", va="bottom", fontsize=7)
    axes.imshow(canvas, cmap="gray_r", vmin=0, vmax=1, interpolation="nearest")
    axes.axis("off")
    return figure
