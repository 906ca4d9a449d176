"""Ink and paper: how much each pixel of a picture differs from the paper, whatever light falls on it."""

from __future__ import annotations

import numpy as np

from mnistlab.images.opening import ImageError
from mnistlab.images.pieces import grown

__all__ = [
    "FAINTEST",
    "FULL",
    "EmptyError",
    "darker",
    "flattened",
    "inked",
    "lighter",
    "pen_of",
    "sign_of",
    "steepness",
]

FAINTEST, FULL = 0.3, 0.8
"""Of the pen's usual darkness: what is fainter is paper, what is stronger is full ink. Chosen on pictures made from
training digits that the network had not seen; they keep squared paper and stains out of the picture."""

CONTRAST, SEPARATION = 8 / 255, 2
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
    height, width = grey.shape
    y, x = np.linspace(-1, 1, height), np.linspace(-1, 1, width)
    step = max(1, round((grey.size / 4000) ** 0.5))  # enough points for six numbers
    there = grey[::step, ::step].astype(float)
    rows, columns = (each.ravel() for each in np.meshgrid(y[::step], x[::step], indexing="ij"))
    points = np.stack([np.ones_like(rows), columns, rows, columns**2, rows * columns, rows**2], axis=1)
    there = there.ravel()
    fit = np.zeros(6)
    fit[0] = np.median(np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]]))
    for _ in range(4):
        off = np.abs(there - points @ fit)
        paper = off <= otsu(off)
        if paper.mean() < 0.3:
            break
        some = points[paper]
        # By the normal equations, which are good enough for six terms of size 1 and take a tenth of the time.
        fit = np.linalg.lstsq(some.T @ some, some.T @ there[paper], rcond=None)[0]
    across, mixed = fit[0] + fit[1] * x + fit[3] * x**2, fit[4] * x
    down = fit[2] * y + fit[5] * y**2
    surface = np.add.outer(down, across) + np.multiply.outer(y, mixed)
    return grey - surface.astype(np.float32)


def darker(grey: np.ndarray, share: float = 1) -> np.ndarray:
    """Return which share of the light around each pixel is missing there.

    The light around is what is left of the picture when everything dark is filled in that is narrower than a stroke may
    be, or a ``share`` of that (a grey-scale closing): shadows and tables stay, strokes do not.
    """
    reach = max(1, round(share * WIDEST_STROKE * max(grey.shape) / 512))
    around = grown(grown(grey, reach), reach, np.minimum)
    return (around - grey) / (around + 0.1)


def lighter(grey: np.ndarray, share: float = 1) -> np.ndarray:
    """Return how much lighter each pixel is than what is around it, as :func:`darker` looks at it."""
    reach = max(1, round(share * WIDEST_STROKE * max(grey.shape) / 512))
    return grey - grown(grown(grey, reach, np.minimum), reach)


def steepness(grey: np.ndarray) -> float:
    """Return the largest change of grey over two hundredths of a picture's longer side, of its range of greys."""
    step = max(1, round(0.02 * max(grey.shape)))
    changes = [np.abs(grey[step:] - grey[:-step]), np.abs(grey[:, step:] - grey[:, :-step])]
    return float(max(each.max(initial=0) for each in changes) / max(np.ptp(grey), CONTRAST))


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
    counts = np.bincount((values * (bins / largest)).astype(np.int32).ravel().clip(0, bins - 1), minlength=bins)
    edges = np.linspace(0, largest, bins + 1)
    below = np.cumsum(counts)[:-1]
    above = values.size - below
    sums = np.cumsum(counts * (edges[:-1] + edges[1:]) / 2)
    spread = below * above * (sums[:-1] / np.maximum(below, 1) - (sums[-1] - sums[:-1]) / np.maximum(above, 1)) ** 2
    return float(edges[1 + spread.argmax()])
