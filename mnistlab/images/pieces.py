"""Connected pieces of a mask.

SciPy's ``ndimage.label`` does this too; reading a picture is all that the server and the command line would need SciPy
for, which is why it is written out here.
"""

from __future__ import annotations

import numpy as np

__all__ = ["Pieces", "grown"]


class Pieces:
    """The connected pieces of a mask, numbered from 0.

    Parameters
    ----------
    mask
        Boolean, of shape (height, width).
    corners
        Whether pixels that touch by a corner are connected.

    Attributes
    ----------
    labels : numpy.ndarray
        The number of each pixel's piece, -1 where the mask is False; shape (height, width).
    areas : numpy.ndarray
        Pixels of each piece.
    boxes : numpy.ndarray
        First row, end of the rows, first column, end of the columns of each piece; shape (count, 4).
    """

    def __init__(self, mask: np.ndarray, *, corners: bool = True):
        height, width = mask.shape
        wide = width + 2  # an empty column on both sides, so that no run goes on in the next row
        flat = np.pad(mask, ((0, 0), (1, 1))).ravel().astype(np.int8)
        edges = np.flatnonzero(np.diff(flat, prepend=np.int8(0), append=np.int8(0)))
        starts, ends = edges[::2], edges[1::2]
        owner = _united(len(starts), *_touching(starts, ends, wide, int(corners)))
        _, number = np.unique(owner, return_inverse=True)
        count = int(number.max(initial=-1)) + 1
        self.labels = np.full((height, width), -1)
        self.labels[mask] = np.repeat(number, ends - starts)  # runs and pixels are in the same order
        self.areas = np.bincount(number, ends - starts, count).astype(int)
        rows, lefts, rights = starts // wide, starts % wide - 1, ends - starts // wide * wide - 1
        self.boxes = np.empty((count, 4), int)
        self.boxes[:] = height, 0, width, 0
        for column, pick, values in ((0, np.minimum, rows), (1, np.maximum, rows + 1)):
            pick.at(self.boxes[:, column], number, values)
        for column, pick, values in ((2, np.minimum, lefts), (3, np.maximum, rights)):
            pick.at(self.boxes[:, column], number, values)

    def __len__(self) -> int:
        return len(self.areas)

    def mask(self, chosen: np.ndarray) -> np.ndarray:
        """Return where the pieces are for which ``chosen``, a boolean array, is True."""
        return np.append(chosen, False)[self.labels]  # -1 finds the last


def grown(values: np.ndarray, reach: int, pick: np.ufunc = np.maximum) -> np.ndarray:
    """Return the largest value (or what ``pick`` picks) in the square around each pixel, ``reach`` to each side."""
    for axis in (0, 1):
        values = np.moveaxis(values, axis, 0)
        # Beyond the edge stands the edge's own pixel, which changes nothing that a smaller window would not.
        values = np.concatenate([np.repeat(values[:1], reach, 0), values, np.repeat(values[-1:], reach, 0)])
        wide, whole = 1, 2 * reach + 1
        while wide < whole:  # windows of twice the width each time
            step = min(wide, whole - wide)
            values, wide = pick(values[:-step], values[step:]), wide + step
        values = np.moveaxis(values, 0, axis)
    return values


def _touching(starts: np.ndarray, ends: np.ndarray, wide: int, corner: int) -> tuple[np.ndarray, np.ndarray]:
    """Return pairs of runs that touch: one of a row, and one of the next."""
    first = np.searchsorted(ends, starts + wide - corner, "right")
    last = np.searchsorted(starts, ends + wide + corner, "left")
    counts = np.maximum(last - first, 0)
    above = np.repeat(np.arange(len(starts)), counts)
    below = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts) + np.repeat(first, counts)
    return above, below


def _united(count: int, above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Return for each of ``count`` runs one that stands for its piece."""
    owner = list(range(count))

    def find(run: int) -> int:
        while owner[run] != run:
            owner[run] = owner[owner[run]]
            run = owner[run]
        return run

    for one, other in zip(above.tolist(), below.tolist(), strict=True):
        one, other = find(one), find(other)
        owner[max(one, other)] = min(one, other)
    return np.array([find(run) for run in range(count)], int)
