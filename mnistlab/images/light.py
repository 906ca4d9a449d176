"""Ink and paper: how much each pixel of a picture differs from the paper, whatever light falls on it."""

from __future__ import annotations

import numpy as np

from mnistlab.images.opening import ImageError
from mnistlab.images.pieces import grown

__all__ = ["FAINTEST", "FULL", "EmptyError", "darker", "flattened", "inked", "lighter", "pen_of", "sign_of"]

FAINTEST, FULL = 0.3, 0.8
"""Of the pen's usual darkness: what is fainter is paper, what is stronger is full ink. Chosen on pictures made from
training digits that the network had not seen; they keep squared paper and stains out of the picture."""

CONTRAST, SEPARATION = 8 / 255, 2.5
"""The least difference between ink and paper: of the whole range, and in standard deviations of the paper's grain."""

WIDEST_STROKE = 84
"""In pixels, of 256: what is wider is a table, a shadow or a sheet of paper, where the paper is looked for locally."""


class EmptyError(ImageError):
    """An image shows nothing."""

    def __init__(self):
        super().__init__("the image is empty: draw or photograph one digit, with a clear contrast to the paper")


def flattened(grey: np.ndarray) -> np.ndarray:
    """Return how much each pixel differs from the paper, whose light a quadratic surface describes.

    The surface is fitted by least squares to what looks like paper; in turns, since the better it fits the better can
    be told what is paper.
    """
    y, x = (np.linspace(-1, 1, size, dtype=np.float32) for size in grey.shape)
    y, x = y[:, None], x[None, :]
    terms = [np.broadcast_to(term, grey.shape).ravel() for term in (1, x, y, x * x, x * y, y * y)]
    surface, values = np.stack(terms, axis=1).astype(np.float32), grey.ravel()
    some = slice(None, None, max(1, values.size // 8000))  # enough points for six numbers
    points, there = surface[some].astype(np.float64), values[some]
    border = np.median(np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]]))
    rest = there - border
    fit = np.array([border, 0, 0, 0, 0, 0])
    for _ in range(4):
        off = np.abs(rest)
        paper = off <= otsu(off)
        if paper.mean() < 0.3:
            break
        fit = np.linalg.lstsq(points[paper], there[paper], rcond=None)[0]
        rest = there - points @ fit
    return (values - surface @ fit.astype(np.float32)).reshape(grey.shape)


def darker(grey: np.ndarray) -> np.ndarray:
    """Return which share of the light around each pixel is missing there.

    The light around is what is left of the picture when everything dark is filled in that is narrower than a stroke may
    be (a grey-scale closing): shadows and tables stay, strokes do not.
    """
    reach = max(1, WIDEST_STROKE * max(grey.shape) // 512)
    around = grown(grown(grey, reach), reach, np.minimum)
    return (around - grey) / (around + 0.1)


def lighter(grey: np.ndarray) -> np.ndarray:
    """Return how much lighter each pixel is than what is around it, as :func:`darker` looks at it."""
    reach = max(1, WIDEST_STROKE * max(grey.shape) // 512)
    return grey - grown(grown(grey, reach, np.minimum), reach)


def sign_of(difference: np.ndarray) -> float:
    """Return -1 if ink is darker than the paper and 1 if it is lighter."""
    off = np.abs(difference)
    return float(np.sign(difference[off > otsu(off)].sum())) or 1.0


def pen_of(strength: np.ndarray) -> float:
    """Return how strong ink usually is.

    Parameters
    ----------
    strength
        How much each pixel differs from the paper towards the ink's side.

    Raises
    ------
    EmptyError
        If nothing stands out from the paper's grain.
    """
    ink = np.maximum(strength, 0)
    drawn = ink > otsu(ink)
    pen = float(np.median(ink[drawn])) if drawn.any() else 0.0
    grain = float(strength[~drawn].std()) if not drawn.all() else 0.0
    if pen < max(CONTRAST, SEPARATION * grain):
        raise EmptyError
    return pen


def inked(strength: np.ndarray, pen: float) -> np.ndarray:
    """Return the ink of each pixel, float32 in 0…1."""
    return np.clip((strength / pen - FAINTEST) / (FULL - FAINTEST), 0, 1).astype(np.float32)


def otsu(values: np.ndarray, bins: int = 128) -> float:
    """Return the threshold that best parts positive values into two groups (Otsu, 1979)."""
    largest = float(values.max(initial=0))
    if largest <= 0:
        return 0.0
    counts, edges = np.histogram(values, bins, (0, largest))
    below = np.cumsum(counts)[:-1]
    above = values.size - below
    sums = np.cumsum(counts * (edges[:-1] + edges[1:]) / 2)
    spread = below * above * (sums[:-1] / np.maximum(below, 1) - (sums[-1] - sums[:-1]) / np.maximum(above, 1)) ** 2
    return float(edges[1 + spread.argmax()])
