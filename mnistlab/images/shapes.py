"""The shape of what is inked: a sheet, an edge, a solid patch, an outline, or strokes."""

from __future__ import annotations

import numpy as np

from mnistlab.images.pieces import Pieces, grown

__all__ = ["box_of", "inside_outlines", "is_edge", "is_panel", "is_solid", "straightness", "thickness", "touches"]

SHEET = 0.3
"""Of the picture: a sheet of paper is at least as wide and as high."""

THICKEST = 0.36
"""Of the digit's longer side: no square so wide fits into its strokes."""

THIN, HOLLOW = 0.05, 0.3
"""A digit drawn in outline: its line's width, of the digit's longer side, is at most that; as much of it is paper."""


def box_of(mask: np.ndarray) -> tuple[slice, slice]:
    """Return the smallest rectangle around a mask."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def touches(mask: np.ndarray) -> bool:
    """Return whether a mask reaches the edge of the picture."""
    return bool(mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any())


def is_panel(kept: np.ndarray) -> bool:
    """Return whether what was found is a sheet of paper, a table's edge, or the like."""
    part = kept[box_of(kept)]
    if min(part.shape) < SHEET * max(kept.shape):
        return False
    first, last = part.argmax(axis=1), part.shape[1] - part[:, ::-1].argmax(axis=1)
    return part.sum() > 0.75 * (last - first).sum() and straightness(part) > 0.87


def is_solid(kept: np.ndarray) -> bool:
    """Return whether what was found is too thick for strokes: what a look leaves between a digit and an edge."""
    part = kept[box_of(kept)]
    shorter, longer = sorted(part.shape)
    return shorter > 0.3 * longer and bool(
        grown(np.pad(part, 1), round(THICKEST * longer / 2), np.minimum).any()
        or (part.mean() > 0.5 and straightness(part) > 0.8)
    )


def is_edge(kept: np.ndarray) -> bool:
    """Return whether what was found is a table's edge or a margin: all along one side, and not just a line."""
    part = kept[box_of(kept)]
    sides = [kept[0], kept[-1], kept[:, 0], kept[:, -1]]
    wide = min(part.shape) >= 0.1 * max(kept.shape)
    return wide and bool(part.mean() > 0.5) and sum(side.mean() > 0.9 for side in sides) == 1


def straightness(part: np.ndarray) -> float:
    """Return how much of the smallest rectangle around a mask, turned or not, the mask fills without its holes."""
    first, last = part.argmax(axis=1), part.shape[1] - part[:, ::-1].argmax(axis=1)
    there = np.flatnonzero(part.any(axis=1))
    area = float((last - first)[there].sum())
    x = np.concatenate([first[there], last[there], first[there], last[there]]).astype(float)
    y = np.concatenate([there, there, there + 1, there + 1]).astype(float)
    angles = np.deg2rad(np.arange(0, 90, 3))[:, None]
    across = np.ptp(x * np.cos(angles) + y * np.sin(angles), axis=1)
    along = np.ptp(y * np.cos(angles) - x * np.sin(angles), axis=1)
    return area / float((across * along).min())


def thickness(ink: np.ndarray) -> float:
    """Return how wide strokes are on average, of the longer side of what they make up."""
    drawn = np.pad(ink[box_of(ink > 0.5)] > 0.5, 1)
    edges = (drawn[1:] != drawn[:-1]).sum() + (drawn[:, 1:] != drawn[:, :-1]).sum()
    return float(2 * drawn.sum() / (np.pi / 4 * edges) / max(drawn.shape))  # slanting edges have 4/π times their length


def inside_outlines(kept: np.ndarray) -> np.ndarray:
    """Return what is to be filled in a digit of which only the outline was drawn: a mask, empty for any other digit.

    Between an outline and the outlines within it there is ink; within these there is paper.
    """
    for seal in (0, 1):  # thin lines have gaps
        sealed = grown(np.pad(kept, 2), seal)
        ground, ink = Pieces(~sealed, corners=False), Pieces(sealed)
        outside = ground.labels == ground.labels[0, 0]
        outer = ink.mask(_numbers(ink, grown(outside, 1)))
        between = ground.mask(_numbers(ground, grown(outer, 1)) & (np.arange(len(ground)) != ground.labels[0, 0]))
        inside = grown(between, seal)
        line = outer & ~inside
        leaks = (line & ~grown(inside, 3)).sum() > 0.2 * line.sum()
        if not leaks and thickness(line) <= THIN and inside.sum() >= HOLLOW * (inside | line).sum():
            return inside[2:-2, 2:-2]
    return np.zeros_like(kept)


def _numbers(pieces: Pieces, place: np.ndarray) -> np.ndarray:
    """Return which pieces have a pixel in a mask, as a boolean array."""
    there = np.unique(pieces.labels[place])
    return np.isin(np.arange(len(pieces)), there)
